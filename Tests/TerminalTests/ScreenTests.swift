import Testing

@testable import Terminal

/// What depends on how wide a text is on the screen.
@Suite struct ScreenTests {
    @Test(
        "cells are counted as terminals do",
        arguments: [("web", 3), ("网络", 4), ("e\u{301}", 1), ("👍🏽", 2), ("🇩🇪", 2), ("", 0), ("ｱ", 1), ("Ａ", 2)])
    func widths(text: String, cells: Int) { #expect(TextWidth.of(text) == cells) }

    @Test("what is cut keeps within its width")
    func cut() {
        #expect(shortened("网络网络", 5) == "网络…")
        #expect(shortened("abc", 3) == "abc" && shortened("abcd", 3) == "ab…" && shortened("abc", 0) == "")
    }

    @Test("columns begin in one cell, whatever stands before them")
    func table() {
        var table = Table(["NAME", "STATE"])
        table.add(["网络", "up"])
        table.add(["a", "down"])
        #expect(table.text == "NAME      STATE\n网络      up\na         down\n")
    }

    @Test("what has come does not go away again")
    func meter() {
        var meter = TransferMeter()
        meter.record("layer", current: 80, total: 100, at: 0)
        meter.record("layer", current: 1, total: 100, at: 1)
        #expect(meter.summary.hasPrefix("80B / 100B"))
    }

    @Test(
        "a mistyped word finds the one that was meant",
        arguments: [
            ("volum", "volume"), ("pss", "ps"), ("--detahc", "--detach"), ("inpsect", "inspect"), ("xyzzy", nil),
        ] as [(String, String?)])
    func nearest(word: String, meant: String?) {
        #expect(SpellingSuggestion.of(word, in: ["volume", "ps", "--detach", "inspect", "network"]) == meant)
    }
}
