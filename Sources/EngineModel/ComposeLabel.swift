/// Labels that Compose sets on its objects; other tools find projects by them.
package enum ComposeLabel {
    package static let project = "com.docker.compose.project"
    package static let service = "com.docker.compose.service"
    package static let number = "com.docker.compose.container-number"
    package static let oneOff = "com.docker.compose.oneoff"
    /// The ID of the container's image.
    package static let image = "com.docker.compose.image"
    /// A unique suffix of a one-off container of `run`.
    package static let slug = "com.docker.compose.slug"
    package static let configHash = "com.docker.compose.config-hash"
    package static let dependsOn = "com.docker.compose.depends_on"
    package static let workingDirectory = "com.docker.compose.project.working_dir"
    package static let configFiles = "com.docker.compose.project.config_files"
    package static let version = "com.docker.compose.version"
    /// The version of Compose that files and commands are compatible with.
    package static let compatibleVersion = "2.26.1"
    package static let network = "com.docker.compose.network"
    package static let volume = "com.docker.compose.volume"
    /// An annotation, not a label: the definition of the service when the container was created, to describe changes.
    package static let definition = "io.roost.service"
    /// An annotation, until the container is created: the input of `configHash`, if it refers to other containers.
    package static let hashForm = "io.roost.hash-form"
}
