#include "daemon/process/essential.hpp"

#include <gtest/gtest.h>

#include <boost/asio/io_context.hpp>
#include <new>

namespace capsule {
namespace {

namespace asio = boost::asio;

asio::awaitable<void> ends(bool by_exception) {
    if (by_exception) throw std::bad_alloc();
    co_return;
}

TEST(Essential, WhatEndsByAnExceptionEndsTheRun) {
    asio::io_context io;
    spawn_essential(io.get_executor(), ends(false));
    EXPECT_NO_THROW(io.run());
    io.restart();
    spawn_essential(io.get_executor(), ends(true));
    EXPECT_THROW(io.run(), std::bad_alloc);
}

}  // namespace
}  // namespace capsule
