import EngineModel
import ImageStore
import OCI

/// Labels of existing objects; empty for missing ones. For access decisions by label.
extension Engine {
    package func containerLabels(_ reference: String) -> [String: String] {
        (try? container(reference))?.spec.labels ?? [:]
    }

    package func networkLabels(_ reference: String) -> [String: String] { (try? network(reference))?.labels ?? [:] }

    package func volumeLabels(_ name: String) -> [String: String] { (try? volume(name))?.labels ?? [:] }

    /// Whether a container with this label uses an image.
    package func usesImage(_ reference: String, label: String, value: String) -> Bool {
        guard let id = (try? image(reference))?.id.description else { return false }
        return containers.values.contains { $0.uses(image: id) && $0.spec.labels[label] == value }
    }
}
