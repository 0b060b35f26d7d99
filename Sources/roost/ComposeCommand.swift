import ArgumentParser

/// The page of `roost compose`: `Session.takeGlobals` takes the word away wherever a command follows it.
struct Compose: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "compose", abstract: "Commands of the project in this folder, with docker compose's words.",
        discussion: """
            Behind compose every name is a service.

            Words before the command: -f FILE, -p NAME, --profile NAME, --env-file FILE, --project-directory DIR,
            --parallel N, --ansi never|always|auto, --progress auto|tty|plain|json|quiet, --dry-run.

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
