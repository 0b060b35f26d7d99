import ArgumentParser
import DockerAPI

struct Roost: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "roost", abstract: "A container engine and compose-compatible orchestrator",
        discussion: """
            Global Options (before the command):
              -c, --context string             Name of the context to use
                  --data-root string           Data root of the engine to start
              -D, --debug                      No effect; accepted for compatibility
              -H, --host string                Engine socket to connect to
              -l, --log-level string           No effect; accepted for compatibility
                  --run-root string            Run root of the engine to use
                  --tls                        Use TLS; implied by --tlsverify
                  --tlscacert string           Trust certs signed only by this CA
                  --tlscert string             Path to TLS certificate file
                  --tlskey string              Path to TLS key file
                  --tlsverify                  Use TLS and verify the remote
              -f, -p, --profile, ...           Select a project; see roost compose --help

            The engine starts on demand.

            Examples:
              roost up -d                 start the project in the current directory
              roost plan                  show what up would do, and why
              roost logs -f web           follow the logs of a service
              roost run --rm -it busybox sh
              roost down -v               remove the project and its volumes
            """, version: "Roost version \(APIVersion.product)",
        subcommands: [
            Up.self, Down.self, PlanCommand.self, Config.self, EnvironmentCommand.self, Run.self, Create.self,
            Start.self, Stop.self,
            Restart.self, Kill.self, Remove.self, Pause.self,
            Unpause.self, Ps.self, Logs.self, Exec.self, Attach.self, Wait.self, Rename.self, Top.self, Port.self,
            Inspect.self, Events.self, Images.self, Image.self, ImageRemove.self,
            Build.self, Builder.self, Copy.self, Export.self, Diff.self, Commit.self, Pull.self, Push.self, Login.self,
            Logout.self, Tag.self, Import.self, Load.self, Save.self, Volume.self, Network.self, System.self,
            EngineCommand.self,
            Version.self, Info.self, ListProjects.self, Drift.self, Watch.self, Lock.self, Container.self, Update.self,
            History.self, Scale.self, ContextCommand.self, Search.self, SocketCommand.self, Stats.self,
            ProjectVolumes.self, Trash.self, Completion.self, Plugin.self, Manifest.self, Compose.self,
        ])

    /// Whether a command has this name.
    static func knows(_ word: String) -> Bool {
        word == "help" || configuration.subcommands.contains { UsageErrors.names($0).contains(word) }
    }
}
