#include "test_server.hpp"

#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <filesystem>
#include <stdexcept>

#include "protocol/framing.hpp"
#include "protocol/json_rpc.hpp"

namespace capsule {

TemporaryDirectory::TemporaryDirectory() {
    std::string name = std::filesystem::temp_directory_path().string() + "/capsule-client-XXXXXX";
    if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error("mkdtemp");
    path_ = name;
}

TemporaryDirectory::~TemporaryDirectory() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
}

Listener::Listener(const std::string& path, int backlog)
    : descriptor_(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path.copy(address.sun_path, sizeof(address.sun_path) - 1);
    if (::bind(descriptor_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
        ::listen(descriptor_, backlog) != 0)
        throw std::runtime_error("cannot listen on " + path);
}

Listener::~Listener() {
    ::close(descriptor_);
}

TestServer::TestServer(Answer answer)
    : listener_(path(), 4), thread_([this, answer = std::move(answer)] { serve(answer); }) {}

TestServer::~TestServer() {
    ::shutdown(listener_.descriptor(), SHUT_RDWR);  // ends an accept() that still waits
    thread_.join();
}

void TestServer::serve(const Answer& answer) {
    const int peer = ::accept4(listener_.descriptor(), nullptr, nullptr, SOCK_CLOEXEC);
    if (peer < 0) return;
    LineReader lines;
    std::array<char, 4096> chunk;
    for (bool open = true; open;) {
        const ssize_t count = ::read(peer, chunk.data(), chunk.size());
        if (count <= 0) break;
        lines.append({chunk.data(), static_cast<std::size_t>(count)});
        while (const auto line = lines.next()) {
            const bool is_ping = line->find(R"("method":"ping")") != line->npos;
            const std::string reply = is_ping ? result_for(std::string(*line), "{}") : answer(std::string(*line));
            if (reply.empty()) open = false;
            if (!open) break;
            if (reply != silence) (void)!::send(peer, reply.data(), reply.size(), MSG_NOSIGNAL);
        }
    }
    ::close(peer);
}

std::string result_for(const std::string& line, std::string_view result) {
    const auto parsed = parse_line(line);
    return success_answer(std::get<Request>(parsed.value().items.at(0)).id.value(), result) + "\n";
}

}  // namespace capsule
