import DockerAPI
import EngineModel
import OCI

extension ContainerConfig {
    /// The part of a container's configuration that images have too, merged as by Docker: `inspect` shows it in `Config`, and `commit`
    /// writes it to the new image.
    init(merging spec: ContainerSpec, _ request: ContainerConfig?, with image: ImageConfiguration.Runtime) {
        self.init()
        let own = spec.process.entrypoint
        // An entrypoint set by the user drops the image's command, unless it is empty.
        command = (spec.process.command ?? (own?.isEmpty ?? true ? image.cmd : nil)).map(ShellWords.init)
        entrypoint = (own ?? image.entrypoint).map(ShellWords.init)
        let targets = OrderedMap((image.volumes ?? [:]).keys.sorted().map { ($0, EmptyObject()) })
        volumes = targets.merging(request?.volumes ?? [:])
        if volumes?.isEmpty == true { volumes = nil }
        stopSignal = spec.stopSignal ?? image.stopSignal
        healthcheck = HealthcheckSpec(merging: spec.healthcheck, with: image.healthcheck?.spec).map(HealthConfig.init)
    }
}

extension HealthcheckSpec {
    /// The user's health check; the image's members fill what it leaves open.
    init?(merging own: HealthcheckSpec?, with image: HealthcheckSpec?) {
        guard var check = own ?? image else { return nil }
        if let image {
            if check.test.isEmpty { check.test = image.test }
            if check.interval == 0 { check.interval = image.interval }
            if check.timeout == 0 { check.timeout = image.timeout }
            if check.startPeriod == 0 { check.startPeriod = image.startPeriod }
            if check.startInterval == 0 { check.startInterval = image.startInterval }
            if check.retries == 0 { check.retries = image.retries }
        }
        self = check
    }
}
