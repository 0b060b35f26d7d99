import ComposeFile
import ComposeModel
import Testing

/// Mistakes that beginners make: each gets its place, and a way out.
@Suite struct MistakeTests {
    @Test(
        "each mistake is told with file, line and column, and what to write",
        arguments: [
            ("services:\n  web:\n    imgae: x\n", "3:5", "image"),
            ("services:\n\tweb: {image: x}\n", "2:1", "spaces"),
            ("service:\n  web: {image: x}\n", "1:1", "services"),
            ("web:\n  image: x\n", "1:1", "services:"),
            ("services:\n  web:\n    image: x\n   ports: []\n", "4:4", "indentation"),
            ("services:\n  web:\n    image: x\n    ports: 80\n", "4:12", "a list"),
            ("services:\n  web:\n    image: x\n    ports: [\"eighty:80\"]\n", "4:13", "port"),
            ("services:\n  web:\n    image: x\n    environment:\n      - A: b\n", "5:9", "A=b"),
            ("services:\n  web:\n    image: x\n    depends_on: [bd]\n  db: {image: y}\n", "4:18", "db"),
            ("services:\n  web:\n    image: x\n    volumes: [\"data:/d\"]\n", "4:15", "declare it"),
            ("services:\n  web:\n    image: x\n    networks: [front]\n", "4:16", "declare it"),
            ("services:\n  web:\n    command: y\n", "2:3", "image"),
            ("services:\n  web:\n    image: x\n    mem_limit: 1 gig\n", "4:16", "512m"),
            ("services:\n  web:\n    image: x\n    stop_grace_period: 10\n", "4:24", "10s"),
            ("services:\n  web:\n    image: x\n    healthcheck: {test: [curl, localhost]}\n", "4:25", "CMD"),
            (
                "services:\n  a: {image: x, depends_on: [b]}\n  b: {image: x, depends_on: [a]}\n", "2:30",
                "depends_on entries"
            ),
            ("services:\n  web:\n    image: x\n    image: y\n", "4:5", "remove one"),
            ("services:\n  web:\n    image: x\n    environment:\n", "4:5", "remove the line"),
            ("services:\n  web:\n    image: x\n    user: 1000\n", "4:11", "quotes"),
            ("services:\n  web:\n    image: ${TAG\n", "3:12", "$"),
            ("services:\n  web:\n    image: ${TAG:?}\n", "3:12", "TAG=…"),
            ("services:\n  web:\n    image: x\n    command: @run\n", "4:14", "quotes"),
            ("services:\n  web:\n    image: x\n    env_file: missing.env\n", "4:15", "create the file"),
        ])
    func mistake(text: String, location: String, hint: String) throws {
        let error = try #require(failure(text), "it is accepted")
        #expect(error.location?.description == "compose.yaml:\(location)", "\(error)")
        #expect(error.description.contains(hint), "\(error)")
    }
}
