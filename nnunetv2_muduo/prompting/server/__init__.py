"""The click tool in a browser: a local server of one session, and its page."""

from nnunetv2_muduo.prompting.server.serving import serve

__all__ = ["serve"]
