// Certificates made at test time: each is its own authority.
#pragma once
#include <chrono>
#include <filesystem>
#include <string>

namespace capstan::test {

struct CertificateFiles {
    std::string certificate;  // PEM
    std::string key;          // PEM
};

/// A self-signed P-256 certificate for `names`, such as `DNS:localhost,IP:127.0.0.1`, that ends so
/// long from now; in `NAME.pem` and `NAME.key`.
CertificateFiles make_certificate(std::filesystem::path const& directory,
                                  std::string const& name,
                                  std::string const& names,
                                  std::chrono::seconds ends_in = std::chrono::hours(24));

}  // namespace capstan::test
