import ArgumentParser

/// The help page of `roost compose`. When a command follows, `CommandContext.takeGlobals` has already removed the word.
struct Compose: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "compose", abstract: "Define and run multi-container applications",
        discussion: """
            The commands take service names where the engine's commands take container names.

            Global Options:
                  --ansi string                Control ANSI output (never, always, auto)
                  --compatibility              Name containers with _ instead of -
                  --dry-run                    Print what would be done and change nothing
                  --env-file stringArray       Specify an alternate environment file
              -f, --file stringArray           Compose configuration files
                  --parallel int               Control max parallelism of pulls
                  --profile stringArray        Specify a profile to enable
                  --progress string            Set type of progress output
                                               (auto, tty, plain, json, quiet)
                  --project-directory string   Specify an alternate working directory
              -p, --project-name string        Project name

            Examples:
              roost compose up -d
              roost compose -f ci.yaml -p ci run --rm tests
              roost compose stop web
            """,
        subcommands: [
            Attach.self, Build.self, Commit.self, Config.self, Copy.self, Create.self, Down.self, Events.self,
            Exec.self, Export.self, Images.self, Kill.self, Logs.self, ListProjects.self, Pause.self, Port.self,
            Ps.self, Pull.self, Push.self, Restart.self, Remove.self, Run.self, Scale.self, Start.self, Stats.self,
            Stop.self, Top.self, Unpause.self, Up.self, Version.self, ProjectVolumes.self, Wait.self, Watch.self,
            PlanCommand.self, Drift.self, Lock.self,
        ])
}
