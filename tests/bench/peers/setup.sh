#!/bin/sh
# Installs the peers' Debian packages. They start services of their own; stop those first (`systemctl stop redis-server …`):
# the harness uses other ports, but they would use CPU.
set -e
apt-get update -q
DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends --no-upgrade \
    etcd-server mosquitto nats-server postgresql-15 rabbitmq-server redis-server redis-tools
