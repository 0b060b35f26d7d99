import EngineModel

/// `deploy` of a service (Compose Deploy Specification).
package struct Deploy: Decodable, Sendable, Equatable {
    @Attribute package var mode: String?
    @Attribute package var replicas: Int64?
    @Attribute package var labels: [String: String]?
    package var updateConfig: UpdateConfig?
    package var rollbackConfig: UpdateConfig?
    package var restartPolicy: RestartPolicy?
    package var resources: Resources?

    enum CodingKeys: String, CodingKey {
        case mode, replicas, labels, resources
        case updateConfig = "update_config"
        case rollbackConfig = "rollback_config"
        case restartPolicy = "restart_policy"
    }

    package init() {}

    /// How replicas are replaced. Times are durations.
    package struct UpdateConfig: Decodable, Sendable, Equatable {
        @Attribute package var parallelism: Int64?
        @Attribute package var delay: String?
        @Attribute package var failureAction: String?
        @Attribute package var monitor: String?
        @Attribute package var maximumFailureRatio: Double?
        @Attribute package var order: String?

        enum CodingKeys: String, CodingKey {
            case parallelism, delay, monitor, order
            case failureAction = "failure_action"
            case maximumFailureRatio = "max_failure_ratio"
        }

        package init() {}
    }

    package struct RestartPolicy: Decodable, Sendable, Equatable {
        @Attribute package var condition: String?
        @Attribute package var delay: String?
        @Attribute package var maximumAttempts: Int64?
        @Attribute package var window: String?

        enum CodingKeys: String, CodingKey {
            case condition, delay, window
            case maximumAttempts = "max_attempts"
        }

        package init() {}
    }

    package struct Resources: Decodable, Sendable, Equatable {
        package var limits: Amounts?
        package var reservations: Amounts?
        package init() {}
    }

    package struct Amounts: Decodable, Sendable, Equatable {
        @Attribute package var cpus: Double?
        /// Bytes.
        @Attribute package var memory: Int64?
        @Attribute package var pids: Int64?
        package var devices: [DeviceReservation]?
        package init() {}
    }
}
