"""Who we are to the broker: a name and a password by SCRAM, or nobody where the broker asks for no name."""

from __future__ import annotations

from typing import Any

from faststream.security import BaseSecurity, SASLScram512

from shared.settings import KafkaSettings


def client_options(kafka: KafkaSettings) -> dict[str, Any]:
    """The arguments by which each of aiokafka's clients finds the broker and signs in."""
    if not kafka.username:
        return {"bootstrap_servers": kafka.bootstrap}
    return {
        "bootstrap_servers": kafka.bootstrap,
        "security_protocol": "SASL_PLAINTEXT",
        "sasl_mechanism": "SCRAM-SHA-512",
        "sasl_plain_username": kafka.username,
        "sasl_plain_password": kafka.password.get_secret_value(),
    }


def security(kafka: KafkaSettings) -> BaseSecurity | None:
    """The same for FastStream."""
    return (
        SASLScram512(kafka.username, kafka.password.get_secret_value(), use_ssl=False)
        if kafka.username
        else None
    )
