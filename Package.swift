// swift-tools-version: 6.2
import PackageDescription

/// Settings of all our targets: Swift 6 language mode, strict memory safety, warnings as errors.
let strict: [SwiftSetting] = [
    .swiftLanguageMode(.v6), .strictMemorySafety(), .treatAllWarnings(as: .error),
    .enableUpcomingFeature("ExistentialAny"), .enableUpcomingFeature("MemberImportVisibility"),
]

func library(_ name: String, _ dependencies: [Target.Dependency] = []) -> Target {
    .target(name: name, dependencies: dependencies, swiftSettings: strict)
}

let package = Package(
    name: "roost",
    products: [
        .executable(name: "roost", targets: ["roost"]),
        .executable(name: "roostd", targets: ["roostd"]),
        .executable(name: "roost-shim", targets: ["roost-shim"]),
        .executable(name: "roost-helper", targets: ["roost-helper"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.0"),
        .package(url: "https://github.com/apple/swift-crypto", from: "4.5.0"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.0"),
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.0"),
        .package(url: "https://github.com/groue/GRDB.swift", from: "7.10.0"),
        .package(url: "https://github.com/swift-server/async-http-client", from: "1.37.0"),
        .package(url: "https://github.com/apple/swift-nio-ssl", from: "2.37.0"),
        .package(url: "https://github.com/apple/swift-nio-http2", from: "1.46.0"),
    ],
    targets: [
        // C modules: headers and constants, no logic.
        .target(name: "CLinux"),
        .systemLibrary(name: "CYAML", providers: [.apt(["libyaml-dev"])]),
        .systemLibrary(name: "CCap", providers: [.apt(["libcap-dev"])]),
        .systemLibrary(
            name: "CNetlink", pkgConfig: "libnl-route-3.0", providers: [.apt(["libnl-3-dev", "libnl-route-3-dev"])]),
        .systemLibrary(name: "CArchive", providers: [.apt(["libarchive-dev"])]),
        .systemLibrary(name: "CSeccomp", providers: [.apt(["libseccomp-dev"])]),

        // Value types without I/O.
        library("EngineModel"),
        library("ComposeModel", ["EngineModel"]),
        library("OCI", ["EngineModel", .product(name: "Crypto", package: "swift-crypto")]),
        library("DockerAPI", ["EngineModel"]),
        library("ShimProtocol", ["EngineModel"]),
        library("HelperProtocol", ["EngineModel"]),

        // The kernel interface and Swift wrappers of C libraries.
        library("LinuxKernel", ["CLinux"]),
        library("SystemLibraries", ["LinuxKernel", "CCap", "CNetlink"]),
        library("Archives", ["LinuxKernel", "CArchive"]),
        library("Seccomp", ["LinuxKernel", "CSeccomp"]),

        // From the Compose file to the plan.
        library("ComposeFile", ["CYAML", "ComposeModel", "EngineModel"]),
        library("Planning", ["ComposeModel", "EngineModel", .product(name: "Crypto", package: "swift-crypto")]),

        // The engine.
        library(
            "ImageStore",
            [
                "HelperProtocol", "OCI", "LinuxKernel", "Archives", "EngineModel",
                .product(name: "Crypto", package: "swift-crypto"),
            ]),
        // Jobs on untrusted input, run in the confined helper process.
        library(
            "HelperJobs",
            [
                "HelperProtocol", "OCI", "LinuxKernel", "Archives", "Seccomp", "EngineModel",
                .product(name: "Crypto", package: "swift-crypto"),
            ]),
        library(
            "Registry",
            [
                "OCI", "EngineModel", "LinuxKernel", .product(name: "Crypto", package: "swift-crypto"),
                .product(name: "AsyncHTTPClient", package: "async-http-client"),
                .product(name: "NIOCore", package: "swift-nio"), .product(name: "NIOHTTP1", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"), .product(name: "NIOSSL", package: "swift-nio-ssl"),
            ]),
        library("ImageBuild", ["OCI", "EngineModel"]),
        library("Networking", ["LinuxKernel", "SystemLibraries", "EngineModel"]),
        library(
            "ContainerRuntime",
            ["ShimProtocol", "LinuxKernel", "SystemLibraries", "Seccomp", "OCI", "EngineModel"]),
        library(
            "EngineCore",
            [
                "Planning", "ComposeModel", "ImageStore", "ImageBuild", "Registry", "Networking",
                "ContainerRuntime", "ShimProtocol", "HelperProtocol", "LinuxKernel", "OCI", "EngineModel", "DockerAPI",
                .product(name: "GRDB", package: "GRDB.swift"), .product(name: "Logging", package: "swift-log"),
            ]),
        // BuildKit's session protocol, used by buildx and Compose: gRPC in both directions, and files from the client.
        library(
            "BuildSession",
            [
                "EngineModel", "LinuxKernel", "Archives", .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "NIOHTTP2", package: "swift-nio-http2"),
            ]),
        library(
            "APIServer",
            [
                "BuildSession", "DockerAPI", "EngineCore", "ContainerRuntime", "ImageStore", "Registry", "EngineModel",
                "ComposeModel",
                "Planning", "OCI",
                "LinuxKernel",
                .product(name: "NIOCore", package: "swift-nio"), .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"), .product(name: "NIOSSL", package: "swift-nio-ssl"),
                .product(name: "Logging", package: "swift-log"),
            ]),

        // Connections to remote engines for the CLI, which does not link TLS.
        library(
            "RemoteDial",
            [
                "EngineModel", "LinuxKernel", .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"), .product(name: "NIOSSL", package: "swift-nio-ssl"),
            ]),

        // The command-line client.
        library("APIClient", ["DockerAPI", "EngineModel", "LinuxKernel"]),
        library("Terminal", ["DockerAPI", "EngineModel", "LinuxKernel"]),

        .executableTarget(
            name: "roost",
            dependencies: [
                "APIClient", "Terminal", "DockerAPI", "EngineModel", "ComposeModel", "ComposeFile", "HelperProtocol",
                "LinuxKernel",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "Crypto", package: "swift-crypto"),
            ],
            // Statically linked like the shim: the dynamic linker took a third of a short command's run time. The libraries of Foundation,
            // which the argument parser imports, must be named for static linking.
            swiftSettings: strict,
            linkerSettings: [
                .unsafeFlags(
                    ["-static-executable", "-l_FoundationCollections", "-l_FoundationCShims"],
                    .when(configuration: .release))
            ]),
        .executableTarget(
            name: "roostd",
            dependencies: [
                "APIServer", "EngineCore", "ImageStore", "LinuxKernel", "EngineModel", "RemoteDial",
                .product(name: "Logging", package: "swift-log"),
            ],
            swiftSettings: strict),
        .executableTarget(
            name: "roost-shim", dependencies: ["ShimProtocol", "LinuxKernel", "EngineModel"], swiftSettings: strict,
            linkerSettings: [.unsafeFlags(["-static-executable"])]),
        // Statically linked, with only those libraries that the used parts of libarchive need; unused sections are dropped.
        .executableTarget(
            name: "roost-helper", dependencies: ["HelperJobs"], swiftSettings: strict,
            linkerSettings: [
                .unsafeFlags([
                    "-static-executable", "-l_FoundationCollections", "-l_FoundationCShims", "-Xlinker",
                    "--gc-sections", "-lacl", "-llzma", "-lzstd", "-lbz2", "-lz",
                ])
            ]),

        // Tests: one target per tested module; the system tests run the executables.
        .target(name: "TestSupport", path: "Tests/TestSupport", swiftSettings: strict),
        .testTarget(name: "EngineModelTests", dependencies: ["EngineModel"]),
        .testTarget(name: "DockerAPITests", dependencies: ["DockerAPI", "EngineModel"]),
        .testTarget(
            name: "APIServerTests",
            dependencies: [
                "APIServer", "BuildSession", "ComposeModel", "DockerAPI", "EngineCore", "EngineModel", "ImageStore",
                "LinuxKernel", "OCI", .product(name: "NIOHTTP1", package: "swift-nio"),
                .product(name: "Logging", package: "swift-log"),
            ]),
        .testTarget(name: "BuildSessionTests", dependencies: ["BuildSession", "EngineModel", "TestSupport"]),
        .testTarget(
            name: "ContainerRuntimeTests",
            dependencies: ["ContainerRuntime", "EngineModel", "LinuxKernel", "SystemLibraries"]),
        .testTarget(name: "LinuxKernelTests", dependencies: ["LinuxKernel"]),
        // The program is linked statically in release builds only; the tests are debug builds.
        .testTarget(
            name: "RoostTests",
            dependencies: [
                "roost", "DockerAPI", "EngineModel", .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ]),
        .testTarget(name: "APIClientTests", dependencies: ["APIClient", "EngineModel", "LinuxKernel"]),
        .testTarget(name: "ImageBuildTests", dependencies: ["ImageBuild", "OCI", "EngineModel"]),
        .testTarget(
            name: "ImageStoreTests", dependencies: ["ImageStore", "OCI", "EngineModel", "LinuxKernel", "TestSupport"]),
        .testTarget(name: "HelperJobsTests", dependencies: ["HelperJobs", "HelperProtocol", "EngineModel"]),
        .testTarget(name: "TerminalTests", dependencies: ["Terminal", "EngineModel"]),
        .testTarget(name: "RegistryTests", dependencies: ["Registry", "OCI", "EngineModel"]),
        .testTarget(name: "OCITests", dependencies: ["OCI", "EngineModel"]),
        .testTarget(name: "ShimProtocolTests", dependencies: ["ShimProtocol"]),
        .testTarget(
            name: "ComposeFileTests", dependencies: ["ComposeFile", "ComposeModel", "EngineModel", "TestSupport"]),
        .testTarget(name: "PlanningTests", dependencies: ["Planning", "ComposeModel", "EngineModel"]),
        .testTarget(
            name: "NetworkingTests", dependencies: ["Networking", "EngineModel", "LinuxKernel", "TestSupport"]),
        .testTarget(
            name: "EngineCoreTests",
            dependencies: [
                "EngineCore", "ContainerRuntime", "EngineModel", "LinuxKernel",
                .product(name: "GRDB", package: "GRDB.swift"),
            ]),
        .testTarget(name: "StructureTests"),
        // Does not depend on the executables: the shim is linked statically, which a test bundle cannot be.
        .testTarget(
            name: "SystemTests",
            dependencies: [
                "BuildSession", "EngineModel", "LinuxKernel", "Networking",
                .product(name: "Crypto", package: "swift-crypto"),
            ],
            exclude: ["Clients", "Machine", "Stacks"]
        ),
    ]
)
