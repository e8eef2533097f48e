"""The Telegram bot: in a chat a person sees their days, answers invitations, asks for quiet."""
