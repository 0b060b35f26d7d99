import APIClient
import DockerAPI
import EngineModel
import LinuxKernel
import Terminal

/// Pulls several images in parallel, with one progress line each: ten images take as long as the largest one, not as their sum.
struct ParallelPull {
    struct Order {
        /// The name of the service that needs the image.
        var subject: String
        var image: String
        var platform: String?
    }

    private final class Running {
        let order: Order
        let exchange: HTTPExchange
        var meter = TransferMeter()
        init(_ order: Order, _ exchange: HTTPExchange) {
            self.order = order
            self.exchange = exchange
        }
    }

    let orders: [Order]
    let isQuiet: Bool

    /// Pulls all images; returns those that failed.
    func run() throws -> [(order: Order, error: RoostError)] {
        let client = try CommandContext.shared.client()
        let display = isQuiet ? nil : ProgressDisplay()
        let isLive = Presentation.redraws(2)
        var waiting = orders[...]
        var running: [Running] = []
        var failures: [(order: Order, error: RoostError)] = []
        func fail(_ order: Order, _ error: any Error) {
            let known = error as? RoostError ?? RoostError.failure("\(error)")
            failures.append((order, known))
            display?.update(order.subject, "Error \(known.message)", .failed)
        }
        while !waiting.isEmpty || !running.isEmpty {
            while running.count < CommandContext.shared.parallel, let order = waiting.popFirst() {
                display?.update(order.subject, "Pulling \(order.image)", .working)
                do {
                    running.append(
                        Running(
                            order,
                            try client.begin(
                                "POST", "images/create", TransferDisplay.query(order.image, platform: order.platform),
                                headers: TransferDisplay.headers(TransferDisplay.domain(order.image)))))
                } catch { fail(order, error) }
            }
            let isBuffered = running.contains { $0.exchange.status != 0 && $0.exchange.hasBufferedBytes }
            let ready = Set(
                try waitForAny(running.map(\.exchange.connection.raw), milliseconds: isBuffered ? 0 : 100))
            if !isBuffered { display?.tick() }
            for (index, pull) in running.enumerated().reversed()
            where ready.contains(index) || (pull.exchange.status != 0 && pull.exchange.hasBufferedBytes) {
                do {
                    try client.awaitAnswer(pull.exchange)
                    guard try !step(pull, isLive ? display : nil) else { continue }
                    display?.update(pull.order.subject, "Pulled", .done)
                } catch { fail(pull.order, error) }
                running.remove(at: index)
            }
        }
        return failures
    }

    /// Handles one progress message; returns false at the end of the stream.
    private func step(_ pull: Running, _ display: ProgressDisplay?) throws -> Bool {
        guard let line = try pull.exchange.next(ProgressMessage.self) else { return false }
        if let message = line.error { throw RoostError(.failure, message) }
        guard let id = line.id, let status = line.status else { return true }
        pull.meter.record(id, line.progressDetail, at: Clocks.monotonicNanoseconds())
        if status.hasSuffix("complete") { pull.meter.complete(id) }
        display?.update(pull.order.subject, "Pulling \(pull.meter.summary)", .working)
        return true
    }
}
