"""The typed clients of the API: `Client` for programs that wait, `AsyncClient` for asyncio."""

from serving.client.clients import ApiError, ApiUnreachable, AsyncClient, Client, ClientError

__all__ = ["ApiError", "ApiUnreachable", "AsyncClient", "Client", "ClientError"]
