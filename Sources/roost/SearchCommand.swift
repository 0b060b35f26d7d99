import APIClient
import ArgumentParser
import DockerAPI
import EngineModel
import Terminal

struct Search: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "search", abstract: "Search a registry for images",
        discussion: """
            Examples:
              roost search redis
              roost search --filter is-official=true --limit 5 nginx
              roost search registry.example:5000/team
            """)
    @Option(name: .long, help: ArgumentHelp("Max number of search results", valueName: "int")) var limit = 25
    @Option(
        name: [.short, .long],
        help: ArgumentHelp(
            "Filter output based on conditions provided (e.g. is-official=true, stars=100)", valueName: "filter"))
    var filter: [String] = []
    @Option(name: .long, help: ArgumentHelp("Format output (table, json or a Go template)", valueName: "string"))
    var format: String?
    @Flag(name: .long, help: "Do not truncate output") var noTrunc = false
    @Argument(help: ArgumentHelp("TERM or REGISTRY/TERM", valueName: "term")) var term: String

    func run() throws {
        guard (1...100).contains(limit) else {
            throw RoostError.invalid("limit \(limit) is outside the range of [1, 100]")
        }
        let query = [("term", term), ("limit", String(limit))] + (try filterQuery(filter))
        let answer = try CommandContext.shared.client().open(
            "GET", "images/search", query, headers: try TransferDisplay.headers(TransferDisplay.domain(term))
        ).readAll()
        let found: [ImageSearchResult] = try JSON(parsing: answer).decode(zeroIfAbsent: true)
        let rows = found.map { image -> JSON in
            let words = image.description.split(whereSeparator: \.isNewline).joined(separator: " ")
            return [
                "Name": .string(image.name), "Description": .string(noTrunc ? words : shortened(words, 45)),
                "StarCount": .string("\(image.stars)"), "IsOfficial": .string(image.isOfficial ? "[OK]" : ""),
                "IsAutomated": "",
            ]
        }
        try Listing.show(
            rows, format,
            columns: [
                ("Name", "NAME"), ("Description", "DESCRIPTION"), ("StarCount", "STARS"), ("IsOfficial", "OFFICIAL"),
            ], more: [("IsAutomated", "AUTOMATED")], quiet: nil)
    }
}
