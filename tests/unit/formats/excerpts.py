"""A few made-up lines of each format, with something unusual in most of them."""

from datetime import UTC, datetime

from notilog.logs.formats.format import Defaults

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)
DEFAULTS = Defaults("shop", AT)

APACHE = """\
[Sun Dec 04 04:47:44 2005] [notice] workerEnv.init() ok /etc/httpd/conf/workers2.properties
[Sun Dec 04 05:15:09 2005] [error] [client 192.0.2.7] Directory index forbidden by rule: /var/www/
[Fri Sep 09 10:42:29.902022 2011] [core:crit] [pid 35708:tid 43286] [client 192.0.2.7:80] File gone
[Fri Sep 09 10:42:30.000001 2011] [:warn] [pid 7] no module
sh: /usr/bin/missing: not found
"""
SYSLOG = """\
Dec 31 23:59:59 combo sshd(pam_unix)[19939]: authentication failure; rhost=192.0.2.7\x20
Dec 31 23:59:59 combo syslogd 1.4.1: restart.
Jan  1 00:00:01 combo  -- root[2421]: ROOT LOGIN ON tty2
Jan  1 00:00:02 combo last message repeated 2 times
<11>2026-01-01T01:00:03.123456+01:00 web-1 kernel: error: [drm] it burns
Jan  1 00:00:04 combo sshd[24200]: error: Received disconnect from 192.0.2.7
Jan  1 00:00:05 combo NetworkManager[7]: <warn> no carrier
"""
OPENSTACK = """\
nova-api.log.1 2017-05-16 00:00:00.008 25746 INFO nova.wsgi [req-38 u1 t1 - - -] 192.0.2.7 "GET /"
nova-compute.log 2017-05-16 00:00:04.500 2931 WARNING nova.manager [-] [instance: b9-1] gone
2017-05-16 00:00:05.500 2931 TRACE nova.manager Traceback (most recent call last):
2017-05-16 00:00:06.500 2931 ERROR nova.manager [None req-39 - - - - -] failed
"""
ZOOKEEPER = """\
2015-07-29 17:41:44,747 - INFO  [QuorumPeer[myid=1]/0:0:0:0:0:0:0:0:2181:Election@774] - time out: 3
2015-07-29 19:03:35,413 - ERROR [LearnerHandler-/192.0.2.7:52225:LearnerHandler@562] - Unexpected
java.io.EOFException
\tat java.io.DataInputStream.readInt(DataInputStream.java:392)
Caused by: java.net.SocketException: reset
2015-07-29 19:03:36,000 [myid:2] - WARN  [main:o.a.zookeeper.Server@5] - [a:B@1] - b
"""
JSON = """\
{"level": "error", "project": "bank", "module": "m", "message": "own", "ts": "2026-01-01T00:00:00Z"}
{"message": "assumed", "order": 7, "host": null}

{"message": "cut o
"""

EXCERPTS = {
    "apache": APACHE,
    "syslog": SYSLOG,
    "openstack": OPENSTACK,
    "zookeeper": ZOOKEEPER,
    "json": JSON,
    "ndjson": JSON,
}
