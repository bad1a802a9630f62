#include "gateway/config.hpp"
#include "gateway/log.hpp"
#include "gateway/server.hpp"
#include "gateway/server_messages.hpp"

#include <csignal>
#include <cstdlib>
#include <exception>
#include <iostream>
#include <map>
#include <string>
#include <vector>

#include <unistd.h>

namespace {

namespace gateway = gamelan::gateway;

std::map<std::string, std::string> gateway_environment() {
    std::map<std::string, std::string> result;
    for (char** entry = environ; *entry; ++entry) {
        const std::string text(*entry);
        const auto equals = text.find('=');
        if (text.starts_with("GAMELAN_GATEWAY_") && equals != std::string::npos)
            result.emplace(text.substr(0, equals), text.substr(equals + 1));
    }
    return result;
}

// Stop signals are read in the event loop; writing to a closed socket is an error code, not a signal.
void block_signals() {
    sigset_t signals;
    sigemptyset(&signals);
    for (const int signal : {SIGTERM, SIGINT, SIGHUP})
        sigaddset(&signals, signal);
    sigprocmask(SIG_BLOCK, &signals, nullptr);
    std::signal(SIGPIPE, SIG_IGN);
}

int run(const gateway::Config& config) {
    gateway::set_log_level(*gateway::log_level_of(config.log_level));
    block_signals();
    gateway::Server server(config);
    server.run();
    return EXIT_SUCCESS;
}

} // namespace

int main(int argc, char** argv) {
    const std::vector<std::string> arguments(argv + 1, argv + argc);
    const auto result = gateway::read_config(arguments, gateway_environment());
    if (std::holds_alternative<gateway::HelpWanted>(result)) {
        std::cout << gateway::help_text();
        return EXIT_SUCCESS;
    }
    if (std::holds_alternative<gateway::VersionWanted>(result)) {
        std::cout << gateway::server_name() << '\n';
        return EXIT_SUCCESS;
    }
    if (const auto* error = std::get_if<gateway::ConfigError>(&result)) {
        std::cerr << "gamelan-gateway: " << error->message << '\n';
        return 2;
    }
    try {
        return run(std::get<gateway::Config>(result));
    } catch (const std::exception& error) {
        gateway::log(gateway::LogLevel::error, "the gateway cannot go on", {{"reason", error.what()}});
        return EXIT_FAILURE;
    }
}
