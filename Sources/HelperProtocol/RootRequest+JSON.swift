import EngineModel

// JSON coding of a request for the helper. Hand-written: Foundation's coders would dominate the helper's start time.

extension RootRequest {
    public var json: JSON {
        [
            "view": view.json, "binds": .array(binds.map(\.json)), "mountPoint": .string(mountPoint), "job": job.json,
            "hasDigestCache": .bool(hasDigestCache),
        ]
    }

    /// Throws if a member is missing: engine and helper are of different versions.
    public init(_ json: JSON) throws(RoostError) {
        self.init(
            view: try View(json["view"]), binds: try json["binds"].list(Bind.init),
            mountPoint: try json["mountPoint"].text("mountPoint"), job: try Job(json["job"]))
        hasDigestCache = json["hasDigestCache"].bool == true
    }
}

extension JSON {
    fileprivate func text(_ name: String) throws(RoostError) -> String {
        guard let string else { throw .failure("invalid helper request: \(name) is missing") }
        return string
    }

    fileprivate func number<Number: BinaryInteger>(_ name: String) throws(RoostError) -> Number {
        guard let int, let number = Number(exactly: int) else {
            throw .failure("invalid helper request: \(name) is missing")
        }
        return number
    }

    fileprivate func list<Value>(_ make: (JSON) throws(RoostError) -> Value) throws(RoostError) -> [Value] {
        var values: [Value] = []
        for value in array ?? [] { values.append(try make(value)) }
        return values
    }
}

extension RootRequest.View {
    var json: JSON {
        switch self {
        case .folder(let path): ["kind": "folder", "path": .string(path)]
        case .layers(let lower, let upper, let work):
            ["kind": "layers", "lower": JSON(lower), "upper": JSON(upper), "work": JSON(work)]
        case .process: ["kind": "process"]
        case .comparison(let lower, let upper):
            ["kind": "comparison", "lower": JSON(lower), "upper": .string(upper)]
        }
    }

    init(_ json: JSON) throws(RoostError) {
        switch json["kind"].string {
        case "folder": self = .folder(try json["path"].text("path"))
        case "layers":
            self = .layers(json["lower"].strings ?? [], upper: json["upper"].string, work: json["work"].string)
        case "process": self = .process
        case "comparison":
            self = .comparison(lower: json["lower"].strings ?? [], upper: try json["upper"].text("upper"))
        default: throw .failure("invalid helper request: unknown view")
        }
    }
}

extension RootRequest.Bind {
    var json: JSON { ["source": .string(source), "target": .string(target), "readOnly": .bool(readOnly)] }

    init(_ json: JSON) throws(RoostError) {
        self.init(
            source: try json["source"].text("source"), target: try json["target"].text("target"),
            readOnly: json["readOnly"].bool == true)
    }
}

extension RootRequest.Job {
    public var json: JSON {
        switch self {
        case .stat(let path, let follows): ["kind": "stat", "path": .string(path), "followsLinks": .bool(follows)]
        case .archive(let path, let name): ["kind": "archive", "path": .string(path), "name": .string(name)]
        case .extract(let options): ["kind": "extract", "options": options.json]
        case .select(let selection): ["kind": "select", "selection": selection.json]
        case .digest(let selection): ["kind": "digest", "selection": selection.json]
        case .layer(let clamp): ["kind": "layer", "clamp": clamp.map { JSON($0) } ?? .null]
        case .changes: ["kind": "changes"]
        case .write(let path, let text): ["kind": "write", "path": .string(path), "text": .string(text)]
        case .read(let path, let limit): ["kind": "read", "path": .string(path), "limit": JSON(limit)]
        case .remove(let paths): ["kind": "remove", "paths": JSON(paths)]
        case .copy(let source, let target): ["kind": "copy", "source": .string(source), "target": .string(target)]
        }
    }

    init(_ json: JSON) throws(RoostError) {
        switch json["kind"].string {
        case "stat": self = .stat(path: try json["path"].text("path"), followsLinks: json["followsLinks"].bool == true)
        case "archive": self = .archive(path: try json["path"].text("path"), name: try json["name"].text("name"))
        case "extract": self = .extract(try .init(json["options"]))
        case "select": self = .select(try .init(json["selection"]))
        case "digest": self = .digest(try .init(json["selection"]))
        case "layer": self = .layer(clamp: json["clamp"].int)
        case "changes": self = .changes
        case "write": self = .write(path: try json["path"].text("path"), text: try json["text"].text("text"))
        case "read": self = .read(path: try json["path"].text("path"), limit: try json["limit"].number("limit"))
        case "remove": self = .remove(paths: json["paths"].strings ?? [])
        case "copy": self = .copy(source: try json["source"].text("source"), target: try json["target"].text("target"))
        default: throw .failure("invalid helper request: unknown job")
        }
    }
}

extension RootRequest.ExtractOptions {
    var json: JSON {
        [
            "folder": .string(folder), "makesFolder": .bool(makesFolder), "owner": owner?.json ?? .null,
            "refusesKindChange": .bool(refusesKindChange), "replacesKinds": replacesKinds.map { .bool($0) } ?? .null,
            "keepsOwners": .bool(keepsOwners), "rebase": JSON(rebase), "refusesLinks": .bool(refusesLinks),
        ]
    }

    init(_ json: JSON) throws(RoostError) {
        self.init(folder: try json["folder"].text("folder"))
        makesFolder = json["makesFolder"].bool == true
        owner = try RootRequest.Owner(json["owner"])
        refusesKindChange = json["refusesKindChange"].bool == true
        replacesKinds = json["replacesKinds"].bool
        keepsOwners = json["keepsOwners"].bool != false
        rebase = json["rebase"].string
        refusesLinks = json["refusesLinks"].bool == true
    }
}

extension RootRequest.Owner {
    var json: JSON { ["user": JSON(user), "group": JSON(group)] }

    init?(_ json: JSON) throws(RoostError) {
        if json.isNull { return nil }
        self.init(user: try json["user"].number("user"), group: try json["group"].number("group"))
    }
}

extension RootRequest.Selection {
    public var json: JSON {
        [
            "sources": JSON(sources), "target": .string(target), "targetIsFolder": .bool(targetIsFolder),
            "makesTarget": .bool(makesTarget), "owner": owner?.json ?? .null, "mode": mode.map { JSON($0) } ?? .null,
            "keepsParents": .bool(keepsParents), "ignored": JSON(ignored), "excluded": JSON(excluded),
            "unpacksArchives": .bool(unpacksArchives), "changesOwner": .bool(changesOwner),
        ]
    }

    init(_ json: JSON) throws(RoostError) {
        self.init(
            sources: json["sources"].strings ?? [], target: try json["target"].text("target"),
            targetIsFolder: json["targetIsFolder"].bool == true)
        makesTarget = json["makesTarget"].bool == true
        owner = try RootRequest.Owner(json["owner"])
        mode = json["mode"].isNull ? nil : try json["mode"].number("mode")
        keepsParents = json["keepsParents"].bool == true
        ignored = json["ignored"].strings ?? []
        excluded = json["excluded"].strings ?? []
        unpacksArchives = json["unpacksArchives"].bool == true
        changesOwner = json["changesOwner"].bool == true
    }
}
