// A Unix socket in a temporary directory, whose one connection a thread serves as the test says.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <thread>

namespace capsule {

class TemporaryDirectory {
  public:
    TemporaryDirectory();
    ~TemporaryDirectory();
    TemporaryDirectory(const TemporaryDirectory&) = delete;
    TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;
    const std::string& path() const { return path_; }

  private:
    std::string path_;
};

/// A listening socket; nobody accepts.
class Listener {
  public:
    Listener(const std::string& path, int backlog);
    ~Listener();
    Listener(const Listener&) = delete;
    Listener& operator=(const Listener&) = delete;
    int descriptor() const { return descriptor_; }

  private:
    int descriptor_;
};

class TestServer {
  public:
    /// Bytes to send back for one request line (`ping` is answered before); "" ends the connection, `silence` leaves
    /// the request unanswered.
    using Answer = std::function<std::string(const std::string& line)>;
    static constexpr std::string_view silence = "silence";

    explicit TestServer(Answer answer);
    ~TestServer();

    std::string path() const { return directory_.path() + "/s"; }

  private:
    void serve(const Answer& answer);

    TemporaryDirectory directory_;
    Listener listener_;
    std::thread thread_;
};

/// The answer with this result (JSON text) to the request on `line`, with its line end.
std::string result_for(const std::string& line, std::string_view result);

}  // namespace capsule
