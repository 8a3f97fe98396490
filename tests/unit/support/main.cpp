// For tests of what runs programs: the daemon's executable begins like this, and here the test is that executable.
#include <gmock/gmock.h>

#include "daemon/process/run_as.hpp"

int main(int argc, char** argv) {
    capsule::run_as_if_asked(argc, argv);
    ::testing::InitGoogleMock(&argc, argv);
    return RUN_ALL_TESTS();
}
