import APIClient
import ArgumentParser
import EngineModel
import LinuxKernel

/// Exports the result of a build (`-o`), in addition to the image in the engine.
struct BuildOutput {
    private var type = "local"
    private var path = ""
    private var pushes = false

    init(_ text: String) throws(RoostError) {
        if !text.contains("=") {
            (type, path) = text == "-" ? ("tar", "-") : ("local", text)
            return
        }
        for part in text.split(separator: ",") {
            let (key, value) = ContainerOptions.pair(String(part))
            switch key {
            case "type": type = value
            case "dest": path = value
            case "push": pushes = value == "true"
            case "name", "compression", "force-compression", "oci-mediatypes": break
            default: throw .invalid("--output \(text): unexpected key \(key)")
            }
        }
        guard ["local", "tar", "docker", "oci", "image", "registry"].contains(type) else {
            throw .invalid("--output \(text): unsupported type; use local, tar, docker, oci, image or registry")
        }
    }

    func write(_ id: String, names: [String]) throws {
        let client = try CommandContext.shared.client()
        let file: String? = path.isEmpty || path == "-" ? nil : path
        switch type {
        case "docker", "oci":
            try download(try client.open("GET", "images/get", [("names", names.first ?? id)]), to: file)
        case "tar": try download(try client.open("GET", "roost/v1/images/\(id)/root"), to: file)
        case "local":
            guard !path.isEmpty else { throw RoostError.invalid("--output type=local requires dest=DIR") }
            let folder = CommandContext.shared.absolute(path)
            try Files.makeDirectories(folder)
            let pipe = try Pipe()
            let worker = try LocalArchive.extract(pipe.reading.raw, into: folder, rebase: nil, keepsOwners: false)
            pipe.reading.close()
            let answer = try client.open("GET", "roost/v1/images/\(id)/root")
            while case let part = try answer.read(), !part.isEmpty { try writeAll(pipe.writing.raw, part) }
            pipe.writing.close()
            try worker.finish()
        default: if pushes || type == "registry" { for name in names { try Push.push(name, quiet: true) } }
        }
    }
}
