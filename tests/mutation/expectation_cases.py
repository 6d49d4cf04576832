"""Cases whose expectations hold, generated, each with alterations that make one of its lines false: what expectations.test runs. What
holds is decided here a second time, by a slow and simple matcher, so that an alteration that changes nothing is none."""

import json
import random
import re

# No output has a Q: what asks for one is false.
ALPHABET = "abcdefghijklmnopxyzABCDE0123456789    ..-_=+/:;,!?*()[]{}|^$#@%&'\"\\<>~`"
WIDE = ["é", "ü", "中", "✓", "😀"]


class Line:
    """An expected line: what stands in the document, how often it may match, and a predicate over a line of output (bytes, with its
    end)."""

    def __init__(self, text, matches, least=1, most=1):
        self.text, self.matches, self.least, self.most = text, matches, least, most

    def quantified(self, mark, dialect):
        """The same under a quantifier; nothing where the dialect has none such."""
        least, most = {"?": (0, 1), "*": (0, 1 << 30), "+": (1, 1 << 30)}[mark]
        if dialect == "cram":
            return Line(self.text + " (?)", self.matches, 0, 1) if mark == "?" else None
        found = re.fullmatch(r"(.*) \((equal|escaped|esc|no-eol|glob|gl|regex|re|json)\)", self.text, re.S)
        text = f"{found[1]} ({found[2]}{mark})" if found else f"{self.text} ({mark})"
        return Line(text, self.matches, least, most)


def holds(expected, output):
    """Whether some assignment of the output's lines to the expected ones exists."""
    at = {0}
    for line in expected:
        reached = set()
        for begin in at:
            count = 0
            while True:
                if count >= line.least:
                    reached.add(begin + count)
                if count == line.most or begin + count == len(output) or not line.matches(output[begin + count]):
                    break
                count += 1
        at = reached
    return len(output) in at


def text_of(rng, wide=True):
    """Text that no reader takes for anything else."""
    length = rng.randrange(1, 24)
    text = rng.choice("abcdxyzABC") + "".join(rng.choice(ALPHABET) for _ in range(length))
    if wide and rng.random() < 0.2:
        text += rng.choice(WIDE) + rng.choice("abc")
    return text + rng.choice("abc019")


def spoil(rng, text):
    """Other text of the same kind."""
    at = rng.randrange(len(text))
    kind = rng.randrange(5)
    if kind == 0:
        return text[:at] + "Q" + text[at:]
    if kind == 1:
        return text[:at] + "Q" + text[at + 1:]
    if kind == 2:
        return text + " "
    if kind == 3:
        return text + "Q"
    return text[:-1] or "Q"


def is_line(text):
    raw = text.encode() if isinstance(text, str) else text
    return lambda line: line == raw + b"\n"


def equal(rng, dialect):
    text = text_of(rng, wide=dialect == "markdown")
    if dialect == "markdown" and rng.random() < 0.3:
        text = rng.choice(["[1]", "x (glob)", "* (regex*)", "(?)", "$ echo", "# no comment", "a (equal)", text])
        good, bad = f"{text} (equal)", f"{spoil(rng, text)} (equal)"
        yield text.encode() + b"\n", Line(good, is_line(text)), [Line(bad, is_line(bad[:-8]))]
        return
    bad = [spoil(rng, text) for _ in range(2)]
    if text.swapcase() != text:
        bad.append(text.swapcase())
    without_end = Line(f"{text} (no-eol)", lambda line: line == text.encode())
    yield text.encode() + b"\n", Line(text, is_line(text)), [Line(b, is_line(b)) for b in bad] + [without_end]


def blank(rng, dialect):
    yield b"\n", Line("", is_line("")), [Line("Q", is_line("Q")), Line(" ", is_line(" "))]


def raw_bytes(rng):
    return bytes(rng.choice([rng.randrange(256), rng.choice(b"abc xyz019")]) for _ in range(rng.randrange(2, 12))).replace(
        b"\n", b"n").replace(b"\r", b"r").replace(b"Q", b"q")


def escape(raw):
    return "".join(chr(b) if chr(b).isalnum() and b < 128 or chr(b) in " .-" else f"\\x{b:02x}" for b in raw)


def escaped(rng, dialect):
    raw = b"\t" + raw_bytes(rng) + bytes([rng.choice([0, 1, 27, 128, 255, 9])]) + b"e"
    word = "esc" if dialect == "cram" else rng.choice(["escaped", "esc"])

    def line(value):
        text = escape(value).replace("\\x09", "\\t") if rng.random() < 0.5 else escape(value)
        # Markdown takes the line without its end for the same.
        return Line(f"{text} ({word})", lambda given: given in ((value + b"\n",) if dialect == "cram" else (value + b"\n", value)))

    at = rng.randrange(len(raw))
    yield raw + b"\n", line(raw), [line(raw[:at] + bytes([raw[at] ^ 0x20 or 1]) + raw[at + 1:]), line(raw + b"\x00"), line(raw[1:])]


def no_eol(rng, dialect):
    text = text_of(rng, wide=dialect == "markdown")
    other = spoil(rng, text)
    raw = text.encode()
    yield raw, Line(f"{text} (no-eol)", lambda line: line == raw), [Line(f"{other} (no-eol)", lambda line: line == other.encode()),
                                                                   Line(text, is_line(text))]


def no_eol_escaped(rng, dialect):
    raw = b"\t" + raw_bytes(rng) + b"\x01e"
    word = "esc" if dialect == "cram" else rng.choice(["escaped", "esc"])

    def line(value):
        return Line(f"{escape(value)} (no-eol) ({word})", lambda given: given == value)

    at = rng.randrange(len(raw))
    yield raw, line(raw), [line(raw[:at] + bytes([raw[at] ^ 0x20 or 1]) + raw[at + 1:]), line(raw + b"Q")]


def glob_matcher(pattern):
    """Of a list of characters, "*" and "?"; each as ("any", "one", or a character)."""
    text = "".join({"any": ".*", "one": "."}.get(part, re.escape(part)) for part in pattern)
    made = re.compile(text, re.S)

    def matches(line):
        try:
            return line.endswith(b"\n") and made.fullmatch(line[:-1].decode()) is not None
        except UnicodeDecodeError:
            return False
    return matches


def glob(rng, dialect):
    text = re.sub(r"[*?\\]", "-", text_of(rng, wide=dialect == "markdown"))
    pattern = []
    for character in text:
        kind = rng.randrange(8)
        if kind == 0:
            pattern.append("one")
        elif kind == 1:
            pattern += ["one", "any"]
        elif kind != 2 or pattern[-1:] != ["any"]:
            pattern.append(character)
    if rng.random() < 0.5:
        pattern.insert(rng.randrange(len(pattern)), "any")

    def line(parts):
        word = "glob" if dialect == "cram" else rng.choice(["glob", "gl"])
        return Line("".join({"any": "*", "one": "?"}.get(part, part) for part in parts) + f" ({word})", glob_matcher(parts))

    at = rng.randrange(len(pattern) + 1)
    bad = [pattern[:at] + ["Q"] + pattern[at:], pattern + ["one"], [part for part in pattern if part not in ("one", "any")],
           pattern[:at] + ["one"] * 40 + pattern[at:]]
    yield text.encode() + b"\n", line(pattern), [line(parts) for parts in bad if parts and parts[0] != " "]


def escaped_glob(rng, dialect):
    text = "\t" + re.sub(r"[*?\\]", "-", text_of(rng, wide=False)) + "\x1be"
    cut = rng.randrange(2, len(text) - 1)

    def line(head):
        word = "esc" if dialect == "cram" else rng.choice(["escaped", "esc"])
        return Line(f"{escape(head.encode())}*e ({word}) (glob)", glob_matcher([*head, "any", "e"]))

    at = rng.randrange(cut)
    yield text.encode() + b"\n", line(text[:cut]), [line(text[:at] + "Q" + text[at:cut]), line(text[:at] + "\x02" + text[at + 1:cut])]


PIECES = [  # text, what matches it, what does not
    (["12", "7", "40961"], r"\d+", [r"\D+", r"\d{6,}", "[a-f]+"]),
    (["abc", "xyz"], "[a-z]{3}", ["[A-Z]{3}", "[a-z]{4}", "[^a-z]{3}"]),
    (["one", "two", "three"], "(one|two|three)", ["(four|five)", "(on|tw|thre)", "(?:ones|twos)"]),
    (["  ", " "], r"\s+", [r"\S+", r"\t+"]),
    (["a.b"], r"a\.b", [r"a\\.b", "a..b", r"ab\."]),
    (["(x)"], r"\(x\)", ["(x)", r"\[x\]"]),
    (["AB", "BA"], "(?i:ab|ba)", ["(?i:cd)", "ab|ba"]),
    (["end"], "e(?:nd)?", ["e(?:nds)?Q", "e"]),
    (["$5"], r"\$\d", [r"$\d", r"\$\d\d"]),
    (["word"], r"\bword\b", [r"\Bword", r"word\B\w"]),
    (["-"], "[-+]", ["[+]", "[^-]"]),
]


def regex_matcher(pattern):
    made = re.compile(pattern.encode())
    return lambda line: line.endswith(b"\n") and made.fullmatch(line[:-1]) is not None


def regex(rng, dialect):
    chosen = [rng.choice(PIECES) for _ in range(rng.randrange(1, 6))]
    texts = [rng.choice(piece[0]) for piece in chosen]
    patterns = [piece[1] for piece in chosen]
    word = "re" if dialect == "cram" else rng.choice(["regex", "re"])

    def line(parts):
        pattern = ",".join(parts)
        return Line(f"{pattern} ({word})", regex_matcher(pattern))

    bad = []
    for _ in range(2):
        at = rng.randrange(len(chosen))
        bad.append(patterns[:at] + [rng.choice(chosen[at][2])] + patterns[at + 1:])
    yield ",".join(texts).encode() + b"\n", line(patterns), [line(parts) for parts in bad + [patterns + ["Q"], [".*Q.*"]]]


def json_value(rng, depth=0):
    kind = rng.randrange(7 if depth < 3 else 5)
    if kind == 5:
        return [json_value(rng, depth + 1) for _ in range(rng.randrange(4))]
    if kind == 6:
        return {f"k{i}": json_value(rng, depth + 1) for i in rng.sample(range(9), rng.randrange(1, 5))}
    return [rng.randrange(1000), rng.choice(["", "text", "zwei\nZeilen", "é"]), None, True, rng.randrange(100) / 8][kind]


def shuffled(rng, value):
    if isinstance(value, dict):
        return {key: shuffled(rng, value[key]) for key in rng.sample(list(value), len(value))}
    return [shuffled(rng, item) for item in value] if isinstance(value, list) else value


def json_line(rng, dialect):
    if dialect == "cram":
        return
    value = {"a": json_value(rng), "b": json_value(rng), "n": rng.randrange(100)}

    def line(wanted):
        def matches(given):
            try:
                return json.loads(given) == wanted
            except ValueError:
                return False
        return Line(json.dumps(shuffled(rng, wanted), separators=rng.choice([(",", ":"), (" , ", " : ")])) + " (json)", matches)

    bad = [dict(value, n=value["n"] + 1), dict(value, c=1), {key: value[key] for key in "an"}, dict(value, a=[value["a"]]),
           dict(value, n=str(value["n"]))]
    yield json.dumps(value).encode() + b"\n", line(value), [line(other) for other in bad]


KINDS = {"equal": equal, "blank": blank, "escaped": escaped, "no-eol": no_eol, "no-eol escaped": no_eol_escaped,
         "glob": glob, "escaped glob": escaped_glob, "regex": regex, "json": json_line}


VALUE = "a.b*c?[x]|(y)\\d+  z"


def interpolated(rng, dialect):
    """Beside $V, whose value is VALUE: literal also within patterns."""
    text = re.sub(r"[$*?\\]", "-", text_of(rng))
    kind = rng.randrange(3)
    tail, matches = [(f" {text}", is_line), (" ?* (glob)", None), (r" \S.* (regex)", None)][kind]
    whole = f"{VALUE} {text}"
    good = is_line(whole) if matches else lambda line: line.startswith(f"{VALUE} ".encode())
    name = rng.choice(["$V", "${V}"])
    yield whole.encode() + b"\n", Line(name + tail, good), [Line(bad + tail, lambda line: False) for bad in ("$W", "$$V", "Q" + name, "${V}Q", VALUE[1:])]


def schema(rng, dialect):
    value = {"n": rng.randrange(100), "more": json_value(rng)}

    def line(text, true):
        return Line("{" + text + "}", lambda given: true)

    good = rng.choice(["type: object, required: [n]", "properties: {n: {const: %d}}" % value["n"], "minProperties: 2", "not: {type: array}"])
    bad = ["type: array", "required: [n, Q]", "properties: {n: {minimum: 100}}", "maxProperties: 1", "not: {type: object}"]
    yield json.dumps(value).encode() + b"\n", line(good, True), [line(text, False) for text in bad]


# Kinds that need a configuration, and have no neighbours.
CONFIGURED = {"interpolated": (interpolated, " {interpolated: true}"), "schema": (schema, " {mode: jsonschema}")}


class Case:
    """A command's output, what is expected of it, the number of the expected line that is altered, and its alterations. The exit code
    is the last line, if it is one that is expected."""

    def __init__(self, kind, output, expected, place, altered):
        self.kind, self.output, self.expected, self.place, self.altered = kind, output, expected, place, altered
        self.code, self.code_altered, self.config, self.setup = None, [], "", []

    def lines(self, alteration=None):
        """Texts of the body, and which of them was altered."""
        texts = [line.text for line in self.expected]
        place = self.place
        if alteration is not None and alteration < len(self.altered):
            texts[place] = self.altered[alteration].text
        code = self.code
        if alteration is not None and alteration >= len(self.altered):
            code, place = self.code_altered[alteration - len(self.altered)], len(texts)
        return texts + ([f"[{code}]"] if code is not None else []), place

    def alterations(self):
        return len(self.altered) + len(self.code_altered)


def neighbours(rng, dialect, twin):
    """Lines beside the one that matters: (output, expected) pairs; sometimes its twins, sometimes blank, sometimes patterns, and
    beside a line that must be there sometimes one that need not, and is not."""
    for _ in range(rng.choice([0, 0, 1, 2, 3])):
        kind = rng.randrange(6)
        if kind == 0 and twin:
            yield twin
        elif kind == 1:
            yield b"\n", Line("", is_line(""))
        else:
            chosen = rng.choice([equal, equal, glob, regex, escaped])
            output, line, _ = next(chosen(rng, dialect))
            absent = line.quantified("?", dialect) if kind == 2 and twin else None
            yield (b"", absent) if absent else (output, line)


def make_case(rng, dialect, kind):
    """A case, or nothing when the dice fell badly."""
    function, config = CONFIGURED.get(kind) or (KINDS[kind], "")
    if config and dialect == "cram":
        return None
    made = list(function(rng, dialect))
    if not made:
        return None
    output, line, bad = made[0]
    count = 1
    mark = rng.choice(["", "", "", "?", "*", "+"])
    quantified = line.quantified(mark, dialect) if mark and not config and not kind.startswith("no-eol") and line.text and not line.text.endswith(" ") else None
    loosened = []
    if quantified:
        count = {"?": rng.choice([0, 1]), "*": rng.choice([0, 1, 3]), "+": rng.choice([1, 2, 5])}[mark]
        # Without its quantifier it asks for one line, with another one for other numbers of them.
        loosened = [line] if count != 1 else []
        loosened += [other for other in (line.quantified(q, dialect) for q in "?*+") if other and not other.least <= count <= other.most]
        bad = [other.quantified(mark, dialect) for other in bad if other.text and not other.text.endswith(" ")] if count else []
        line = quantified
    twin = None if quantified or kind.startswith("no-eol") else (output, line)
    before = [] if config else list(neighbours(rng, dialect, twin))
    after = [] if config or kind.startswith("no-eol") else list(neighbours(rng, dialect, twin))
    outputs = [o for o, _ in before if o] + [output] * count + [o for o, _ in after if o]
    expected = [e for _, e in before] + [line] + [e for _, e in after]
    if not holds(expected, outputs):
        return None
    if quantified and any(e.matches(output) for _, e in before + after):
        return None  # it could not be told which of them asks for too few
    place = len(before)
    altered = []
    for other in bad + loosened:
        if not holds(expected[:place] + [other] + expected[place + 1:], outputs) and other.text != line.text:
            altered.append(other)
    case = Case(kind + (f" ({mark})" if quantified else ""), b"".join(outputs), expected, place, altered)
    case.config, case.setup = config, [f"V='{VALUE}'"] if kind == "interpolated" else []
    if rng.random() < 0.25:
        case.code = rng.randrange(1, 126)
        if case.code == 80:
            case.code = 81
        case.code_altered = [rng.choice([c for c in (0, 1, 2, 99, 255) if c != case.code and (c or dialect == "markdown")])]
    elif rng.random() < 0.1 and dialect == "markdown":
        case.code, case.code_altered = 0, [rng.randrange(1, 256)]
    return case if case.alterations() else None


def command(case, rng):
    """The lines of a command that prints the case's output and ends with its code."""
    text = "".join(chr(b) if chr(b).isalnum() and b < 128 else f"\\{b:03o}" for b in case.output)
    last = f"printf '{text}'" if case.output else ":"
    if case.code:
        last += f"; (exit {case.code})"
    return case.setup + ([":"] if rng.random() < 0.2 else []) + [last]
