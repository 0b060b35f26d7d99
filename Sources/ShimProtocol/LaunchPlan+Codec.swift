extension LaunchPlan {
    /// Must be incremented with every change of the encoding; the shim rejects a plan with another version.
    static let version: UInt32 = 1

    package func encoded() -> [UInt8] {
        var writer = BinaryWriter()
        writer.write(Self.version)
        writer.write(id)
        process.encode(to: &writer)
        security.encode(to: &writer)
        switch cgroups {
        case .unified(let path):
            writer.write(true)
            writer.write(path)
        case .split(let paths):
            writer.write(false)
            writer.write(paths)
        }
        writer.write(standardStreams.terminal)
        writer.write(standardStreams.input)
        writer.write(UInt32(standardStreams.rows))
        writer.write(UInt32(standardStreams.columns))
        switch kind {
        case .exec: writer.write(false)
        case .container(let container):
            writer.write(true)
            container.encode(to: &writer)
        }
        return writer.bytes
    }

    package init(decoding bytes: [UInt8]) throws(MalformedMessage) {
        var reader = BinaryReader(bytes)
        guard try reader.uint32() == Self.version else { throw MalformedMessage(place: "version") }
        id = try reader.string()
        process = try ProcessPlan(from: &reader)
        security = try SecurityPlan(from: &reader)
        cgroups = try reader.bool() ? .unified(path: try reader.string()) : .split(paths: try reader.strings())
        standardStreams = StreamPlan(terminal: try reader.bool(), input: try reader.bool())
        standardStreams.rows = UInt16(clamping: try reader.uint32())
        standardStreams.columns = UInt16(clamping: try reader.uint32())
        kind = try reader.bool() ? .container(try ContainerPlan(from: &reader)) : .exec
    }
}

extension ProcessPlan {
    func encode(to writer: inout BinaryWriter) {
        writer.write(arguments)
        writer.write(environment)
        writer.write(workingDirectory)
        writer.write(user)
        writer.write(additionalGroups)
        writer.write(runsUnderInit)
    }

    init(from reader: inout BinaryReader) throws(MalformedMessage) {
        arguments = try reader.strings()
        environment = try reader.strings()
        workingDirectory = try reader.string()
        user = try reader.string()
        additionalGroups = try reader.strings()
        runsUnderInit = try reader.bool()
    }
}

extension SecurityPlan {
    func encode(to writer: inout BinaryWriter) {
        writer.write(capabilities)
        writer.write(seccompFilter)
        writer.write(noNewPrivileges)
        writer.write(limits) { writer, limit in
            writer.write(limit.resource)
            writer.write(limit.soft)
            writer.write(limit.hard)
        }
        writer.write(oomScoreAdj) { $0.write($1) }
    }

    init(from reader: inout BinaryReader) throws(MalformedMessage) {
        capabilities = try reader.uint64()
        seccompFilter = try reader.byteArray()
        noNewPrivileges = try reader.bool()
        limits = try reader.array { (reader: inout BinaryReader) throws(MalformedMessage) in
            ResourceLimit(resource: try reader.int32(), soft: try reader.uint64(), hard: try reader.uint64())
        }
        oomScoreAdj = try reader.optional { (reader: inout BinaryReader) throws(MalformedMessage) in
            try reader.int32()
        }
    }
}

extension ContainerPlan {
    func encode(to writer: inout BinaryWriter) {
        writer.write(hostname)
        writer.write(domainname)
        writer.write(newNamespaces)
        writer.write(joinedNamespaces) { writer, joined in
            writer.write(joined.kind)
            writer.write(joined.path)
        }
        writer.write(root.lowerDirectories)
        writer.write(root.upperDirectory)
        writer.write(root.workDirectory)
        writer.write(root.mountPoint)
        writer.write(root.readOnly)
        writer.write(mounts) { $1.encode(to: &$0) }
        writer.write(devices) { writer, device in
            writer.write(device.path)
            for number in [device.mode, device.major, device.minor, device.user, device.group] { writer.write(number) }
        }
        writer.write(links) { writer, link in
            writer.write(link.path)
            writer.write(link.target)
        }
        writer.write(maskedPaths)
        writer.write(readOnlyPaths)
        writer.write(sysctls) { $1.encode(to: &$0) }
        writer.write(log.path)
        writer.write(log.maximumBytes)
        writer.write(log.maximumFiles)
        writer.write(exitRecord)
        for text in [revival.socket, revival.lock, revival.executable] { writer.write(text) }
        writer.write(revival.arguments)
        writer.write(revival.environment)
    }

    init(from reader: inout BinaryReader) throws(MalformedMessage) {
        hostname = try reader.string()
        domainname = try reader.string()
        newNamespaces = try reader.uint64()
        joinedNamespaces = try reader.array { (reader: inout BinaryReader) throws(MalformedMessage) in
            JoinedNamespace(kind: try reader.uint64(), path: try reader.string())
        }
        root = RootPlan(
            lowerDirectories: try reader.strings(), upperDirectory: try reader.string(),
            workDirectory: try reader.string(),
            mountPoint: try reader.string(), readOnly: try reader.bool())
        mounts = try reader.array { (reader: inout BinaryReader) throws(MalformedMessage) in
            try MountPlan(from: &reader)
        }
        devices = try reader.array { (reader: inout BinaryReader) throws(MalformedMessage) in
            DevicePlan(
                path: try reader.string(), mode: try reader.uint32(), major: try reader.uint32(),
                minor: try reader.uint32(),
                user: try reader.uint32(), group: try reader.uint32())
        }
        links = try reader.array { (reader: inout BinaryReader) throws(MalformedMessage) in
            LinkPlan(path: try reader.string(), target: try reader.string())
        }
        maskedPaths = try reader.strings()
        readOnlyPaths = try reader.strings()
        sysctls = try reader.array { (reader: inout BinaryReader) throws(MalformedMessage) in try Setting(from: &reader)
        }
        log = LogPlan(path: try reader.string(), maximumBytes: try reader.uint64(), maximumFiles: try reader.uint32())
        exitRecord = try reader.string()
        revival = EngineRestartPlan(
            socket: try reader.string(), lock: try reader.string(), executable: try reader.string(),
            arguments: try reader.strings(), environment: try reader.strings())
    }
}

extension Setting {
    func encode(to writer: inout BinaryWriter) {
        writer.write(name)
        writer.write(value) { $0.write($1) }
    }

    init(from reader: inout BinaryReader) throws(MalformedMessage) {
        name = try reader.string()
        value = try reader.optional { (reader: inout BinaryReader) throws(MalformedMessage) in try reader.string() }
    }
}

extension MountPlan {
    private enum Tag: UInt8 { case bind, fileSystem, cgroupV1, content, inside, layers }

    func encode(to writer: inout BinaryWriter) {
        switch source {
        case .bind(let path, let recursive):
            writer.write(variant: Tag.bind)
            writer.write(path)
            writer.write(recursive)
        case .fileSystem(let type, let options):
            writer.write(variant: Tag.fileSystem)
            writer.write(type)
            writer.write(options) { $1.encode(to: &$0) }
        case .cgroupV1(let hierarchies):
            writer.write(variant: Tag.cgroupV1)
            writer.write(hierarchies) { $1.encode(to: &$0) }
        case .content(let text):
            writer.write(variant: Tag.content)
            writer.write(text)
        case .inside(let root, let path, let recursive):
            writer.write(variant: Tag.inside)
            writer.write(root)
            writer.write(path)
            writer.write(recursive)
        case .layers(let folders, let path):
            writer.write(variant: Tag.layers)
            writer.write(folders)
            writer.write(path)
        }
        writer.write(target)
        writer.write(attributes)
        writer.write(topAttributes)
        writer.write(variant: propagation)
    }

    init(from reader: inout BinaryReader) throws(MalformedMessage) {
        func settings(_ reader: inout BinaryReader) throws(MalformedMessage) -> [Setting] {
            try reader.array { (reader: inout BinaryReader) throws(MalformedMessage) in try Setting(from: &reader) }
        }
        switch try reader.variant(Tag.self) {
        case .bind: source = .bind(path: try reader.string(), recursive: try reader.bool())
        case .fileSystem: source = .fileSystem(type: try reader.string(), options: try settings(&reader))
        case .cgroupV1: source = .cgroupV1(try settings(&reader))
        case .content: source = .content(try reader.string())
        case .inside:
            source = .inside(root: try reader.string(), path: try reader.string(), recursive: try reader.bool())
        case .layers:
            source = .layers(try reader.strings(), path: try reader.string())
        }
        target = try reader.string()
        attributes = try reader.uint64()
        topAttributes = try reader.uint64()
        propagation = try reader.variant(Propagation.self)
    }
}
