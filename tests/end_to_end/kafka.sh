# Sourced by end-to-end tests: a real broker. KAFKA_BOOTSTRAP names one that runs already; else one is started, if Java and
# Maven are there; `kafka_brokers` says how many. Call `stop_kafka` at the end.
# shellcheck shell=bash
kafka_is_ours=
stop_kafka() { [[ -z $kafka_is_ours ]] || deploy/kafka/broker clean; }

if [[ -z ${KAFKA_BOOTSTRAP:-} ]]; then
    if ! command -v java >/dev/null || ! command -v mvn >/dev/null; then
        echo "Java and Maven are missing; provide them with: deploy/install-packages kafka"
        exit 77
    fi
    KAFKA_DATA=$(mktemp -d)
    KAFKA_PORT=$(python3 -B tests/support/free_ports.py 1 2 100 101 102)  # of brokers and controllers
    # A broker that lives for seconds spends most of them compiling itself.
    KAFKA_JVM=${KAFKA_JVM:--Xms256m -Xmx768m -XX:+UseSerialGC -XX:TieredStopAtLevel=1}
    export KAFKA_DATA KAFKA_PORT KAFKA_JVM
    kafka_is_ours=yes
    trap stop_kafka EXIT
    KAFKA_BOOTSTRAP=$(deploy/kafka/broker start "${kafka_brokers:-1}")
    export KAFKA_BOOTSTRAP
fi
