import Foundation
import Testing

/// Images from Dockerfiles, and what is kept of them.
@Suite(.serialized) struct BuildTests {
    /// Writes files below a folder of the engine's own and answers with the folder.
    private func context(_ engine: TestEngine, _ files: [String: String], name: String = "context") throws -> String {
        let folder = "\(engine.folder)/\(name)"
        for (path, text) in files {
            let place = URL(fileURLWithPath: "\(folder)/\(path)")
            try FileManager.default.createDirectory(
                at: place.deletingLastPathComponent(), withIntermediateDirectories: true)
            try text.write(to: place, atomically: true, encoding: .utf8)
        }
        return folder
    }

    @Test("every instruction does what the reference says")
    func language() throws {
        try withEngine { engine in
            let folder = try context(
                engine,
                [
                    "Dockerfile": """
                    ARG BASE=busybox
                    FROM ${BASE} AS tools
                    ARG WHO=nobody
                    RUN mkdir -p /out/deep && echo "made by $WHO" > /out/deep/f && ln -s f /out/deep/l && chmod 4711 /out/deep/f
                    FROM busybox
                    ENV A=1 B="two words" PATH=$PATH:/opt/bin
                    LABEL one=1 "b c"="d $A"
                    WORKDIR /app
                    WORKDIR sub
                    COPY --from=tools --chown=65534:50 /out /copied
                    COPY a.txt folder/ ./
                    COPY --chmod=0600 *.md renamed/
                    ADD archive.tar /unpacked/
                    COPY <<EOF /etc/motd
                    hello $A
                    EOF
                    RUN <<EOF
                    echo one > here
                    cat here > /here2
                    EOF
                    SHELL ["/bin/sh", "-ec"]
                    RUN test "$0" = /bin/sh -o true; rm /bin/yes
                    USER nobody
                    EXPOSE 80 53/udp 8000-8002
                    VOLUME /data
                    STOPSIGNAL SIGUSR1
                    HEALTHCHECK --interval=5s --retries=2 CMD test -e /here2
                    ONBUILD RUN echo triggered > /tmp/t
                    ENTRYPOINT ["/bin/echo"]
                    CMD ["cmd"]
                    """, "a.txt": "a", "folder/b": "b", "folder/c/d": "d", "x.md": "x", "y.md": "y", "left.log": "no",
                    ".dockerignore": "*.log\n",
                ])
            _ = try TestEngine.run("/bin/tar", ["-C", folder, "-cf", folder + "/archive.tar", "a.txt"])
            try engine.must("build", "-t", "built", "--build-arg", "WHO=me", "--label", "z=9", folder)
            let format =
                "{{json .Config.Env}} {{.Config.Labels.one}} {{index .Config.Labels \"b c\"}} {{.Config.Labels.z}} {{.Config.WorkingDir}} {{.Config.User}} {{json .Config.ExposedPorts}} {{json .Config.Volumes}} {{.Config.StopSignal}} {{json .Config.Healthcheck.Test}} {{json .Config.OnBuild}} {{json .Config.Entrypoint}} {{json .Config.Cmd}} {{json .Config.Shell}}"
            #expect(
                try engine.must("image", "inspect", "-f", format, "built")
                    == #"["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/opt/bin","A=1","B=two words"] 1 d 1 9 /app/sub nobody {"53/udp":{},"80/tcp":{},"8000/tcp":{},"8001/tcp":{},"8002/tcp":{}} {"/data":{}} SIGUSR1 ["CMD-SHELL","test -e /here2"] ["RUN echo triggered > /tmp/t"] ["/bin/echo"] ["cmd"] ["/bin/sh","-ec"]"#
            )
            #expect(try engine.must("run", "--rm", "built") == "cmd")
            let seen = try engine.must(
                "run", "--rm", "--user", "0", "--entrypoint", "sh", "built", "-c",
                "cat /copied/deep/l; stat -c '%a %u:%g' /copied/deep/f; ls; cat /unpacked/a.txt; echo; stat -c %a renamed/x.md; cat /etc/motd here /here2; ls /bin/yes 2>&1 | grep -c 'No such'"
            )
            #expect(
                seen
                    == "made by me\n4711 65534:50\na.txt\nb\nc\nhere\nrenamed\na\n600\nhello 1\none\none\n1")
            try engine.must("build", "-q", "-t", "child", "-", input: "FROM built\nUSER 0\n")
            #expect(try engine.must("run", "--rm", "--entrypoint", "cat", "child", "/tmp/t") == "triggered")
            #expect(try engine.must("image", "inspect", "-f", "{{json .Config.OnBuild}}", "child") == "null")
            #expect(try engine.must("ps", "-aq").isEmpty)
        }
    }

    @Test("the cache knows content, not times; what is not needed is not built")
    func cache() throws {
        try withEngine { engine in
            let folder = try context(
                engine,
                [
                    "Dockerfile":
                        "FROM busybox AS unused\nRUN exit 1\nFROM busybox AS used\nCOPY a /a\nRUN cat /a > /b; date +%N >> /b\nFROM busybox\nCOPY --from=used /b /b\n",
                    "a": "one",
                ])
            func build(_ more: String...) throws -> String {
                let outcome = try engine.roost(["build", "-q"] + more + [folder])
                #expect(outcome.code == 0, "\(outcome.errors)")
                return outcome.output
            }
            let first = try build()
            #expect(try build() == first)
            // The same content at another time is the same.
            try FileManager.default.setAttributes(
                [.modificationDate: Date(timeIntervalSince1970: 1_000_000)], ofItemAtPath: folder + "/a")
            #expect(try build() == first)
            try "two".write(toFile: folder + "/a", atomically: true, encoding: .utf8)
            let second = try build()
            #expect(second != first)
            try "one".write(toFile: folder + "/a", atomically: true, encoding: .utf8)
            #expect(try build() == first)
            #expect(try build("--no-cache") != first)
            // The same input twice gives the same digest, however it was made.
            let fixed = try context(engine, ["Dockerfile": "FROM busybox\nRUN echo x > /x\nENV A=1\n"], name: "fixed")
            func reproduced() throws -> String {
                try engine.must("build", "-q", "--no-cache", "--build-arg", "SOURCE_DATE_EPOCH=1700000000", fixed)
            }
            #expect(try reproduced() == reproduced())
            #expect(try engine.must("builder", "prune", "-f").contains("Total reclaimed space"))
        }
    }

    @Test("mounts of RUN: bind, cache, secret, memory; nothing of them stays in the image")
    func mounts() throws {
        try withEngine { engine in
            let folder = try context(
                engine,
                [
                    "Dockerfile": """
                    FROM busybox AS other
                    RUN echo from-stage > /s
                    FROM busybox
                    RUN --mount=type=bind,target=/ctx --mount=type=bind,from=other,source=/s,target=/made/s cat /ctx/a /made/s > /r1; touch /ctx/x 2>/dev/null || echo refused >> /r1
                    RUN --mount=type=cache,target=/var/cache/x,id=c echo again >> /var/cache/x/n && wc -l < /var/cache/x/n > /r2
                    RUN --mount=type=secret,id=key --mount=type=secret,id=word,env=WORD cat /run/secrets/key > /r3; echo $WORD >> /r3; stat -c %a /run/secrets/key >> /r3
                    RUN --mount=type=tmpfs,target=/mem df /mem | grep -c tmpfs > /r4; touch /mem/f
                    RUN --network=none ip link | grep -c eth0 > /r5 || true
                    """, "a": "context\n", "key": "secret-key\n",
                ])
            for count in 1...2 {
                let outcome = try engine.roost(
                    [
                        "build", "--no-cache", "-t", "m", "--secret", "id=key,src=\(folder)/key", "--secret",
                        "id=word,env=W", folder,
                    ],
                    environment: ["W": "spoken"])
                #expect(outcome.code == 0, "\(outcome.errors)")
                #expect(
                    try engine.must("run", "--rm", "m", "cat", "/r1", "/r2", "/r3", "/r4", "/r5")
                        == "context\nfrom-stage\nrefused\n\(count)\nsecret-key\nspoken\n400\n1\n0")
            }
            #expect(
                try engine.must(
                    "run", "--rm", "m", "sh", "-c", "ls -d /ctx /made /var/cache /run/secrets /mem 2>/dev/null | wc -l")
                    == "0")
            let history = try engine.must("history", "--no-trunc", "m")
            #expect(!history.contains("secret-key") && !history.contains("spoken"))
        }
    }

    @Test("what goes wrong is told with its place, and leaves nothing")
    func mistakes() throws {
        try withEngine { engine in
            func fails(_ text: String, _ words: String...) throws {
                let outcome = try engine.roost(["build", "-"], input: Data(text.utf8))
                #expect(outcome.code != 0)
                for word in words { #expect(outcome.errors.contains(word), "\(text): \(outcome.errors)") }
            }
            try fails("FROM busybox\nRUN echo seen; exit 3\n", "seen", "returned a non-zero code: 3")
            try fails("FROM busybox\n\nCOPPY a b\n", "Dockerfile:3", "did you mean COPY?")
            try fails("FROM busybox\nCOPY nosuch /\n", "Dockerfile:2", "file not found in build context")
            try fails("FROM busybox\nCOPY --from=nostage:x /a /\n", "Dockerfile:2")
            try fails("FROM busybox\nUSER ${X:?must be given}\n", "must be given", "Dockerfile:2")
            try fails("FROM busybox\nCOPY --chown=ghost:1 / /\n", "ghost")
            #expect(try engine.must("ps", "-aq").isEmpty)
            let folder = engine.dataRoot + "/build/work"
            #expect((try? FileManager.default.contentsOfDirectory(atPath: folder).isEmpty) ?? true)
        }
    }

    @Test("an engine that dies in the middle of a build leaves its finished steps and nothing else")
    func killed() throws {
        try withEngine { engine in
            let folder = try context(
                engine, ["Dockerfile": "FROM busybox\nRUN echo first > /f\nRUN test -e /f && sleep 60\n"])
            let running = Process()
            running.executableURL = URL(fileURLWithPath: TestEngine.programs + "/roost")
            running.arguments = ["build", folder]
            running.environment = ProcessInfo.processInfo.environment.merging(engine.environment) { $1 }
            running.standardError = FileHandle.nullDevice
            try running.run()
            try engine.eventually("the second step runs") {
                try engine.must("top", try engine.must("ps", "-q")).contains("sleep")
            }
            kill(try engine.enginePID, SIGKILL)
            running.waitUntilExit()
            #expect(running.terminationStatus != 0)
            try engine.eventually("the container of the build is gone") { try engine.must("ps", "-aq").isEmpty }
            let again = try engine.roost(
                ["build", "--progress", "plain", "-"], input: Data("FROM busybox\nRUN echo first > /f\n".utf8))
            #expect(again.code == 0 && again.errors.contains("CACHED"), "\(again.errors)")
        }
    }

    @Test("a project's builds: made before it starts, made again when their content changes")
    func project() throws {
        try withEngine { engine in
            let folder = try engine.writeProject(
                """
                services:
                  web:
                    build: {context: ./web, args: {WHO: you}}
                    command: sleep 1000
                    init: true
                    develop:
                      watch:
                        - {action: sync, path: ./web/src, target: /src, ignore: [skipped/]}
                """)
            _ = try context(
                engine, ["Dockerfile": "FROM busybox\nARG WHO\nRUN echo $WHO > /who\nCOPY src /src\n", "src/a": "1"],
                name: "project/web")
            try engine.must("up", "-d", in: folder)
            let first = try engine.must("compose", "ps", "-q", in: folder)
            #expect(try engine.must("exec", "web", "cat", "/who", "/src/a", in: folder) == "you\n1")
            try engine.must("up", "-d", in: folder)
            #expect(try engine.must("compose", "ps", "-q", in: folder) == first)
            try "2".write(toFile: folder + "/web/src/a", atomically: true, encoding: .utf8)
            try engine.must("up", "-d", in: folder)
            #expect(try engine.must("compose", "ps", "-q", in: folder) != first)
            #expect(try engine.must("exec", "web", "cat", "/src/a", in: folder) == "2")
            try engine.must("lock", in: folder)
            try engine.must("up", "-d", "--locked", in: folder)
            try watch(engine, folder)
            let locked = try engine.roost("up", "-d", "--locked", in: folder)
            #expect(locked.code != 0 && locked.errors.contains("the lock says"), "\(locked.errors)")
            try engine.must("down", in: folder)
        }
    }

    private func watch(_ engine: TestEngine, _ folder: String) throws {
        let watching = Process()
        watching.executableURL = URL(fileURLWithPath: TestEngine.programs + "/roost")
        watching.arguments = ["watch", "--no-up"]
        watching.currentDirectoryURL = URL(fileURLWithPath: folder)
        watching.environment = ProcessInfo.processInfo.environment.merging(engine.environment) { $1 }
        let said = Pipe()
        watching.standardError = said
        try watching.run()
        defer {
            watching.terminate()
            watching.waitUntilExit()
        }
        // Nothing is lost that is written after it says that it watches.
        _ = said.fileHandleForReading.availableData
        let manager = FileManager.default
        try manager.createDirectory(atPath: folder + "/web/src/new/deep", withIntermediateDirectories: true)
        try manager.createDirectory(atPath: folder + "/web/src/skipped", withIntermediateDirectories: true)
        for number in 0..<20 {
            try "\(number)".write(toFile: folder + "/web/src/new/deep/f\(number)", atomically: true, encoding: .utf8)
        }
        try "no".write(toFile: folder + "/web/src/skipped/x", atomically: true, encoding: .utf8)
        try manager.removeItem(atPath: folder + "/web/src/a")
        try engine.eventually("all changes are in the container") {
            try engine.must(
                "exec", "web", "sh", "-c", "ls /src; ls /src/new/deep | wc -l; cat /src/new/deep/f19", in: folder)
                == "new\n20\n19"
        }
    }
}
