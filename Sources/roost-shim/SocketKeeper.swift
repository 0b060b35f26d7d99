import LinuxKernel

/// Holds the listening socket of an idle engine that has exited, and executes the engine when a client connects; the client waits in the
/// backlog meanwhile. Descriptor 0 is the listening socket, 1 the engine's lock, which stays held so that no other engine starts in
/// between. Both are passed as in systemd's socket activation (sd_listen_fds(3)).
enum SocketKeeper {
    /// `keep MARKER ENGINE ARGUMENTS…`: the pid file of the keeper, the engine's executable and its arguments.
    static func run(_ words: [String]) -> Never {
        guard words.count >= 2 else { Processes.exit(2) }
        Processes.setName("roost-keeper")
        do {
            try Files.write(words[0], "\(Processes.currentPID)\n")
            while try waitForAny([0], milliseconds: nil).isEmpty {}
            try? Files.remove(words[0])
            try Processes.redirect(0, to: 3)
            try Processes.redirect(1, to: 4)
            let null = try Files.open("/dev/null", .readWrite)
            for number: Int32 in 0...2 { try Processes.redirect(null.raw, to: number) }
            // Replaces inherited values: with duplicate names the first would win.
            var variables = Processes.environment
            variables["LISTEN_FDS"] = "1"
            variables["LISTEN_PID"] = String(Processes.currentPID)
            variables["ROOST_LOCK_FD"] = "4"
            try Processes.execute(
                words[1], arguments: ["roostd"] + words.dropFirst(2),
                environment: variables.map { "\($0.key)=\($0.value)" })
        } catch { Processes.exit(1) }
    }
}
