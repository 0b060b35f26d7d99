import Foundation
import LinuxKernel
import Testing

/// The kernel's calls on real files, in a directory of each test's own. Nothing here needs root.
@Suite struct FilesTests {
    private func withDirectory(_ body: (String) throws -> Void) throws {
        let path = NSTemporaryDirectory() + "roost-files-\(UUID().uuidString)"
        try Files.makeDirectory(path)
        defer { try? FileManager.default.removeItem(atPath: path) }
        try body(path)
    }

    @Test("a replaced file is whole, has the mode that was asked for, and leaves nothing beside it")
    func replace() throws {
        try withDirectory { root in
            let path = root + "/state"
            try Files.replace(path, Array("one".utf8), mode: 0o600)
            try Files.replace(path, Array("two".utf8), mode: 0o640)
            #expect(try Files.readText(path) == "two" && Files.status(path).mode & 0o777 == 0o640)
            #expect(try Files.list(root) == ["state"])
        }
    }

    @Test("a missing file is named with its call and its reason")
    func missing() throws {
        let error = #expect(throws: SyscallError.self) { try Files.read("/nosuch/file") }
        #expect(error?.errno == Errno.noEntry && "\(error.map { "\($0)" } ?? "")".contains("/nosuch/file"))
    }

    @Test("reading stops at the limit instead of taking the memory of the host")
    func limit() throws {
        try withDirectory { root in
            try Files.write(root + "/large", [UInt8](repeating: 0, count: 5000))
            #expect(try Files.read(root + "/large", limit: 5000).count == 5000)
            #expect(throws: SyscallError.self) { try Files.read(root + "/large", limit: 4999) }
        }
    }

    @Test("directories are made with their parents, and made again without an error")
    func directories() throws {
        try withDirectory { root in
            try Files.makeDirectories(root + "/a/b/c", mode: 0o750)
            try Files.makeDirectories(root + "/a/b/c", mode: 0o750)
            #expect(try Files.status(root + "/a/b/c").isDirectory)
        }
    }

    @Test("a lock has one owner, also within one process")
    func lock() throws {
        try withDirectory { root in
            let path = root + "/lock"
            let first = try #require(try Files.lock(path))
            #expect(try Files.lock(path) == nil && Files.isLocked(path))
            first.close()
            #expect(try !Files.isLocked(path))
        }
    }

    @Test("a tree is removed without following its links, also where directories have no permissions")
    func removeTree() throws {
        try withDirectory { root in
            try Files.makeDirectories(root + "/tree/a/b")
            try Files.write(root + "/kept", "x")
            try Files.link(root, at: root + "/tree/a/link")
            try Files.link(root + "/kept", at: root + "/tree/a/file")
            try Files.changeMode(root + "/tree/a/b", 0)
            try Files.removeTree(root + "/tree")
            #expect(try Files.list(root) == ["kept"])
        }
    }

    @Test("the size of a tree is that of its files, links not followed")
    func treeSize() throws {
        try withDirectory { root in
            try Files.makeDirectories(root + "/a/b")
            try Files.write(root + "/a/one", [UInt8](repeating: 1, count: 1000))
            try Files.write(root + "/a/b/two", [UInt8](repeating: 1, count: 500))
            try Files.link("/usr", at: root + "/a/usr")
            #expect((1500..<1500 + 4096 * 4).contains(try Files.treeSize(root + "/a")))
        }
    }

    @Test("sealed files in memory cannot be changed")
    func sealed() throws {
        let file = try Files.memory("test", Array("x".utf8), sealed: true)
        #expect(throws: SyscallError.self) { try writeAll(file.raw, [1]) }
    }

    @Test("any bytes are a file name and come back from a listing")
    func names() throws {
        try withDirectory { root in
            let name: [UInt8] = [0x61, 0xFF, 0xC3, 0x28]
            try Files.write(root + "/" + FileName.text(name), "x")
            #expect(try Files.list(root).map { FileName.bytes($0) } == [name])
        }
    }
}

@Suite struct RootedDirectoryTests {
    private func withRoot(_ body: (RootedDirectory, String) throws -> Void) throws {
        let path = NSTemporaryDirectory() + "roost-rooted-\(UUID().uuidString)"
        try Files.makeDirectories(path + "/root")
        try Files.write(path + "/secret", "outside")
        defer { try? FileManager.default.removeItem(atPath: path) }
        try body(try RootedDirectory(path: path + "/root"), path + "/root")
    }

    @Test(
        "no path leads out of the root",
        arguments: ["../secret", "/../secret", "a/../../secret", "link", "absolute", "up/secret"])
    func confined(path: String) throws {
        try withRoot { root, folder in
            try Files.makeDirectory(folder + "/a")
            try Files.link("../secret", at: folder + "/link")
            try Files.link(folder + "/../secret", at: folder + "/absolute")
            try Files.link("..", at: folder + "/up")
            #expect(throws: SyscallError.self) { try root.read(path, limit: 100) }
        }
    }

    @Test("absolute links are followed within the root, as a process in it would")
    func absoluteLinks() throws {
        try withRoot { root, folder in
            try Files.makeDirectory(folder + "/etc")
            try Files.write(folder + "/etc/hosts", "inside")
            try Files.link("/etc", at: folder + "/link")
            #expect(try root.read("link/hosts", limit: 100) == Array("inside".utf8))
            #expect(try root.read("/etc/hosts", limit: 100) == Array("inside".utf8))
        }
    }

    @Test("directories and files are made below the root only")
    func makes() throws {
        try withRoot { root, folder in
            _ = try root.makeDirectories("/x/y/../z")
            #expect(Files.exists(folder + "/x/z") || Files.exists(folder + "/x/y"))
            _ = try root.makeFile("/x/file")
            #expect(Files.exists(folder + "/x/file"))
        }
    }
}

@Suite struct SocketTests {
    @Test("packets keep their borders, and carry descriptors")
    func packets() throws {
        let (one, other) = try Sockets.pair()
        let file = try Files.memory("passed", Array("content".utf8))
        try Sockets.send(one.raw, [1, 2], descriptors: [file.raw])
        try Sockets.send(one.raw, [3])
        let first = try Sockets.receive(other.raw)
        #expect(first.bytes == [1, 2] && first.descriptors.count == 1)
        let passed = OwnedFD(adopting: try #require(first.descriptors.first))
        #expect(try readSome(passed.raw, at: 0, limit: 100) == Array("content".utf8))
        #expect(try Sockets.receive(other.raw).bytes == [3])
    }

    @Test("a closed peer ends reading with nothing")
    func closedPeer() throws {
        let (one, other) = try Sockets.pair()
        one.close()
        #expect(try Sockets.receive(other.raw).bytes.isEmpty)
    }

    @Test("the kernel says who the peer is")
    func peer() throws {
        let (one, _) = try Sockets.pair(.stream)
        #expect(Sockets.peerUser(one.raw) == geteuid())
    }
}
