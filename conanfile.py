# SPDX-License-Identifier: MIT
"""A package for Conan 2 out of this tree: "conan create ." in the top directory.

The libraries that libsio needs are those of the system: system_requirements() names them for apt and dnf,
and says so where they are missing. To let Conan install them: -c tools.system.package_manager:mode=install
(and :sudo=True). The build is that of CMake, and find_package(sio) finds its config file.
"""
import pathlib
import re

from conan import ConanFile
from conan.tools.cmake import CMake, CMakeToolchain, cmake_layout
from conan.tools.files import copy, load, rm
from conan.tools.system.package_manager import Apt, Dnf

PARTS = ("zlib", "openssl", "redis", "admin")


class Libsio(ConanFile):
    name = "libsio"
    package_type = "library"
    license = "MIT"
    description = "A Socket.IO server library in C, for programs with a libuv loop"
    topics = ("socket.io", "websocket", "libuv")
    settings = "os", "compiler", "build_type", "arch"
    options = {"shared": [True, False], **{part: [True, False] for part in PARTS}}
    default_options = {"shared": True, "zlib": True, "openssl": True, "redis": False, "admin": False}
    # The last four are where the JavaScript client may be: in an archive of "meson dist", or from tools/setup.
    exports_sources = ("CMakeLists.txt", "COPYING", "cmake/*", "include/*", "lib/*", "tools/*", "client/*",
                       "build/client/package/*", "test/e2e/node_modules/socket.io/package.json",
                       "test/e2e/node_modules/socket.io/client-dist/*")
    test_package_folder = "test/conan"

    def set_version(self):
        text = load(self, pathlib.Path(self.recipe_folder) / "include/sio/version.h")
        self.version = ".".join(re.findall(r"^#define SIO_VERSION_(?:MAJOR|MINOR|PATCH) (\d+)", text, re.MULTILINE))

    def configure(self):
        self.settings.rm_safe("compiler.cppstd")
        self.settings.rm_safe("compiler.libcxx")

    def layout(self):
        cmake_layout(self)

    def wanted(self, **packages):
        return [package for part, package in packages.items() if self.options.get_safe(part, True)]

    def system_requirements(self):
        Apt(self).install(["pkg-config", "python3", "libuv1-dev", "libwslay-dev", "libcjson-dev", "node-llhttp",
                           *self.wanted(zlib="zlib1g-dev", openssl="libssl-dev", redis="libhiredis-dev")])
        Dnf(self).install(["pkgconf-pkg-config", "python3", "libuv-devel", "wslay-devel", "cjson-devel",
                           "llhttp-devel",
                           *self.wanted(zlib="zlib-devel", openssl="openssl-devel", redis="hiredis-devel")])

    def generate(self):
        toolchain = CMakeToolchain(self)
        for part in PARTS:
            toolchain.cache_variables[f"SIO_{part.upper()}"] = bool(self.options.get_safe(part))
        toolchain.generate()

    def build(self):
        cmake = CMake(self)
        cmake.configure()
        cmake.build()

    def package(self):
        CMake(self).install()
        copy(self, "COPYING", self.source_folder, pathlib.Path(self.package_folder) / "licenses")
        rm(self, "*.a" if self.options.shared else "*.so*", pathlib.Path(self.package_folder) / "lib")

    def package_info(self):
        # For CMake the installed config file is the one description of the targets.
        self.cpp_info.set_property("cmake_find_mode", "none")
        self.cpp_info.builddirs = ["lib/cmake/sio"]
        parts = {"openssl": ["ssl", "crypto"], "redis": ["hiredis"], "admin": ["crypt"]}
        self.cpp_info.libs = [f"sio-{part}" for part in parts if self.options.get_safe(part)] + ["sio-emitter", "sio"]
        self.cpp_info.system_libs = ["uv"]
        if not self.options.shared:
            for part, libraries in parts.items():
                self.cpp_info.system_libs += libraries if self.options.get_safe(part) else []
            self.cpp_info.system_libs += ["wslay", "cjson", "m", "pthread", *self.wanted(zlib="z")]
