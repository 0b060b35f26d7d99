import ArgumentParser

/// Options that `run` and `create` share, in Docker's words.
struct ContainerOptions: ParsableArguments {
    @Flag(name: [.short, .long], help: "Keep standard input open.") var interactive = false
    @Flag(name: [.short, .long], help: "Give it a terminal.") var tty = false
    @Flag(name: .customLong("rm"), help: "Remove it when it has ended.") var rm = false
    @Option(name: .long, help: "Its name.") var name: String?
    @Option(name: [.customShort("p"), .long], help: "Publish a port: [address:][host:]container[/udp].") var publish:
        [String] = []
    @Flag(name: [.customShort("P"), .long], help: "Publish every exposed port.") var publishAll = false
    @Option(name: .long, help: "Expose a port.") var expose: [String] = []
    @Option(name: [.short, .long], help: "Mount a volume or folder: source:target[:ro].") var volume: [String] = []
    @Option(name: .long, help: "Mount in the long form: type=bind,src=…,dst=….") var mount: [String] = []
    @Option(name: .long, help: "Mount memory: path[:options].") var tmpfs: [String] = []
    @Option(name: [.short, .long], help: "Set a variable.") var env: [String] = []
    @Option(name: .long, help: "Set variables from a file.") var envFile: [String] = []
    @Option(name: [.short, .long], help: "In this folder.") var workdir: String?
    @Option(name: [.short, .long], help: "As this user.") var user: String?
    @Option(name: .long, help: "Another program than the image's.") var entrypoint: String?
    @Option(name: [.customShort("h"), .long], help: "Its host name.") var hostname: String?
    @Option(
        name: [.long, .customLong("net")],
        help: "bridge, host, none, container:NAME, a network, or name=NETWORK,alias=…,ip=…,….") var network: [String] =
            []
    @Option(name: [.long, .customLong("net-alias")], help: "Another name on its network.") var networkAlias: [String] =
        []
    @Option(name: .long, help: "Its address.") var ip: String?
    @Option(name: .long, help: "Its address, of version 6.") var ip6: String?
    @Option(name: .customLong("link-local-ip"), help: "A link-local address.") var linkLocalIP: [String] = []
    @Option(name: .long, help: "The hardware address of its interface.") var macAddress: String?
    @Option(name: .long, help: "Another container under a name of its own: name[:alias].") var link: [String] = []
    @Option(name: .long, help: "Its domain name.") var domainname: String?
    @Option(name: .long, help: "A line for /etc/hosts: name:address.") var addHost: [String] = []
    @Option(name: .long, help: "A resolver.") var dns: [String] = []
    @Option(name: .long, help: "A search domain.") var dnsSearch: [String] = []
    @Option(name: [.long, .customLong("dns-opt")], help: "An option for resolv.conf.") var dnsOption: [String] = []
    @Option(name: .long, help: "no, always, on-failure[:N], unless-stopped.") var restart: String?
    @Option(name: [.short, .long], help: "Memory limit: 512m.") var memory: String?
    @Option(name: .long, help: "Memory and swap: -1 is unlimited.") var memorySwap: String?
    @Option(name: .long, help: "Memory that it is pushed back to when the host runs short.") var memoryReservation:
        String?
    @Option(name: .long, help: "How much is swapped, 0 to 100.") var memorySwappiness: Int?
    @Option(name: .long, help: "Processors: 0.5.") var cpus: Double?
    @Option(name: .long, help: "Microseconds of a period of the scheduler.") var cpuPeriod: Int?
    @Option(name: .long, help: "Microseconds of processor time in each period.") var cpuQuota: Int?
    @Option(name: .long, help: "On these memory nodes: 0-1.") var cpusetMems: String?
    @Option(name: .long, help: "Weight of its disk work, 10 to 1000.") var blkioWeight: Int?
    @Option(name: .long, help: "device:weight.") var blkioWeightDevice: [String] = []
    @Option(name: .customLong("device-read-bps"), help: "device:rate, bytes a second: /dev/sda:1mb.") var deviceReadBps:
        [String] = []
    @Option(name: .customLong("device-write-bps"), help: "device:rate, bytes a second.") var deviceWriteBps: [String] =
        []
    @Option(name: .customLong("device-read-iops"), help: "device:operations a second.") var deviceReadOperations:
        [String] = []
    @Option(name: .customLong("device-write-iops"), help: "device:operations a second.") var deviceWriteOperations:
        [String] = []
    @Flag(name: .long, help: "Never kill it for want of memory.") var oomKillDisable = false
    @Option(name: [.customShort("c"), .long], help: "Weight against others.") var cpuShares: Int?
    @Option(name: .long, help: "On these processors: 0-1.") var cpusetCpus: String?
    @Option(name: .long, help: "How many processes.") var pidsLimit: Int?
    @Option(name: .long, help: "A limit: nofile=1024:2048.") var ulimit: [String] = []
    @Option(name: .long, help: "Add a capability.") var capAdd: [String] = []
    @Option(name: .long, help: "Drop a capability.") var capDrop: [String] = []
    @Flag(name: .long, help: "Give it every right.") var privileged = false
    @Option(name: .long, help: "no-new-privileges, seccomp=unconfined, ….") var securityOpt: [String] = []
    @Option(name: .long, help: "A device of the host.") var device: [String] = []
    @Option(name: .long, help: "A rule for devices: c 1:3 mr.") var deviceCgroupRule: [String] = []
    @Option(name: .long, help: "GPUs; this engine has no drivers for them.") var gpus: String?
    @Option(name: .long, help: "Mounts of another container: name[:ro].") var volumesFrom: [String] = []
    @Option(name: .long, help: "The driver of its volumes.") var volumeDriver: String?
    @Option(name: .long, help: "name=value, for the runtime.") var annotation: [String] = []
    @Option(name: .long, help: "host or private.") var cgroupns: String?
    @Option(name: .long, help: "The control group above its own.") var cgroupParent: String?
    @Option(name: .long, help: "host.") var userns: String?
    @Option(name: .long, help: "Its runtime.") var runtime: String?
    @Option(name: .long, help: "An option of the storage driver.") var storageOpt: [String] = []
    @Flag(name: .customLong("use-api-socket"), help: "Give it the engine's socket.") var useAPISocket = false
    @Option(name: [.customShort("a"), .long], help: "Attach to stdin, stdout or stderr only.") var attach: [String] = []
    @Flag(name: .long, help: "Nothing in its root can be written.") var readOnly = false
    @Option(name: .long, help: "Size of /dev/shm.") var shmSize: String?
    @Flag(name: .customLong("init"), help: "Run an init that reaps and forwards signals.") var runsInit = false
    @Option(name: .long, help: "The signal that stops it.") var stopSignal: String?
    @Option(name: .long, help: "Seconds until SIGKILL.") var stopTimeout: Int?
    @Option(name: .long, help: "A health check's command.") var healthCmd: String?
    @Option(name: .long, help: "Time between checks.") var healthInterval: String?
    @Option(name: .long, help: "Time limit of a check.") var healthTimeout: String?
    @Option(name: .long, help: "Failures until it is unhealthy.") var healthRetries: Int?
    @Option(name: .long, help: "Time in which failures do not count.") var healthStartPeriod: String?
    @Option(name: .long, help: "Time between checks while it starts.") var healthStartInterval: String?
    @Flag(name: .long, help: "No health check.") var noHealthcheck = false
    @Option(name: [.customShort("l"), .long], help: "A label: name=value.") var label: [String] = []
    @Option(name: .long, help: "Labels from a file.") var labelFile: [String] = []
    @Option(name: .long, help: "json-file, local or none.") var logDriver: String?
    @Option(name: .long, help: "max-size=10m, max-file=3.") var logOpt: [String] = []
    @Option(name: .long, help: "A namespaced sysctl: name=value.") var sysctl: [String] = []
    @Option(name: .long, help: "host or container:NAME.") var ipc: String?
    @Option(name: .long, help: "host or container:NAME.") var pid: String?
    @Option(name: .long, help: "host.") var uts: String?
    @Option(name: .long, help: "One more group.") var groupAdd: [String] = []
    @Option(name: .long, help: "-1000 to 1000.") var oomScoreAdj: Int?
    @Option(name: .long, help: "Write the id to a file.") var cidfile: String?
    @Option(name: .long, help: "always, missing or never.") var pull: String?
    @Option(name: .long, help: "linux/amd64, ….") var platform: String?
    @Flag(name: [.short, .long], help: "Say nothing while the image is fetched.") var quiet = false
    // What Docker takes and no Linux host honours.
    @Option(name: .long, help: .hidden) var isolation: String?
    @Option(name: .long, help: .hidden) var kernelMemory: String?
    @Option(name: .customLong("cpu-rt-period"), help: .hidden) var realTimePeriod: Int?
    @Option(name: .customLong("cpu-rt-runtime"), help: .hidden) var realTimeRuntime: Int?
    @Option(name: .long, help: .hidden) var cpuCount: Int?
    @Option(name: .long, help: .hidden) var cpuPercent: Int?
    @Option(name: .customLong("io-maxbandwidth"), help: .hidden) var maximumBandwidth: String?
    @Option(name: .customLong("io-maxiops"), help: .hidden) var maximumOperations: Int?
    @Flag(name: .long, help: .hidden) var disableContentTrust = false
}
