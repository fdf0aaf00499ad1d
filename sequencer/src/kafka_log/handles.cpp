#include "handles.hpp"

#include <string>

namespace capstan::kafka {
namespace {

Errc code_of(rd_kafka_resp_err_t code) {
    switch (code) {
        case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
        case RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED:
        case RD_KAFKA_RESP_ERR_SASL_AUTHENTICATION_FAILED:
        case RD_KAFKA_RESP_ERR__AUTHENTICATION:
            return Errc::denied;
        case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART:
        case RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC:
        case RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION:
            return Errc::not_found;
        case RD_KAFKA_RESP_ERR_INVALID_REPLICATION_FACTOR:
        case RD_KAFKA_RESP_ERR_INVALID_PARTITIONS:
        case RD_KAFKA_RESP_ERR_INVALID_CONFIG:
            return Errc::config_invalid;
        default:
            return Errc::unavailable;
    }
}

}  // namespace

Error to_error(rd_kafka_resp_err_t code, std::string_view doing) {
    return Error{code_of(code), std::string(doing) + ": " + rd_kafka_err2str(code)};
}

}  // namespace capstan::kafka
