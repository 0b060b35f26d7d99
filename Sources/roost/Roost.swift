import ArgumentParser
import DockerAPI

struct Roost: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "roost", abstract: "A container engine and a compose-compatible orchestrator.",
        discussion: """
            Words before the command: -H HOST, --run-root DIR, --data-root DIR choose the engine; -f FILE, -p NAME, --profile NAME, --env-file FILE,
            --project-directory DIR choose the project. The engine starts by itself.

            Examples:
              roost up -d                 bring the project in this folder up
              roost plan                  show what up would do, and why
              roost logs -f web           follow a service
              roost run --rm -it busybox sh
              roost down -v               take everything away, data too
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

    /// Whether there is a command of this name.
    static func knows(_ word: String) -> Bool {
        word == "help" || configuration.subcommands.contains { UsageErrors.names($0).contains(word) }
    }
}
