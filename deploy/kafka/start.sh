#!/bin/bash
# Formats the storage the first time, with one SCRAM user each, and runs the broker.
# Passwords come from the environment and stand in files of this container only, never on a command line.
set -eu
umask 077
home=${KAFKA_HOME:-/opt/kafka}
here=$(cd "$(dirname "$0")" && pwd)
work=${KAFKA_WORK:-/tmp/muster}
mkdir -p "$work"
login=org.apache.kafka.common.security
{
  cat "$here/server.properties"
  echo "listener.name.clients.scram-sha-512.sasl.jaas.config=$login.scram.ScramLoginModule required username=\"broker\" password=\"$KAFKA_PASSWORD_BROKER\";"
  echo "listener.name.controller.plain.sasl.jaas.config=$login.plain.PlainLoginModule required username=\"broker\" password=\"$KAFKA_PASSWORD_BROKER\" user_broker=\"$KAFKA_PASSWORD_BROKER\";"
} >"$work/server.properties"
{
  echo "security.protocol=SASL_PLAINTEXT"
  echo "sasl.mechanism=SCRAM-SHA-512"
  echo "sasl.jaas.config=$login.scram.ScramLoginModule required username=\"admin\" password=\"$KAFKA_PASSWORD_ADMIN\";"
} >"$work/admin.properties"
{
  printf '%s\n' format --ignore-formatted -t "$CLUSTER_ID" -c "$work/server.properties"
  for user in broker admin gateway importer mapper syncer history; do
    password=KAFKA_PASSWORD_${user^^}
    printf '%s\n' --add-scram "SCRAM-SHA-512=[name=$user,password=${!password}]"
  done
} >"$work/format.options"
"$home/bin/kafka-storage.sh" "@$work/format.options"
rm "$work/format.options"
exec "$home/bin/kafka-server-start.sh" "$work/server.properties"
