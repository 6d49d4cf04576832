"""The calls of the program that stand in a test's file, as lists of words: so far as reading it shows them. In sh and bash a call is a line with $TESTCTR,
or with a function whose lines have it; in Python a call or a list, with what its names were given and what the functions that it calls put in front."""

import ast
import os
import re

TESTS = os.path.join(os.environ["TESTCTR_SOURCE"], "tests")
PROGRAM = re.compile(r"\"?\$\{?TESTCTR\}?(?![\w])\"?|testctr-script")


def words_of(text):
    """What a shell would roughly make of a line."""
    return [word.replace('"', "").replace("'", "") for word in re.findall(r"""(?:"(?:[^"\\]|\\.)*"|'[^']*'|[^\s"';|&<>()])+""", text)]


def shell_functions(text, known):
    """{name: the words that it puts between the program and its own}"""
    out = dict(known)
    for match in re.finditer(r"^([a-z_][\w]*)\(\) *[({](.*?)(?:^[)}]| [)}](?: *#.*)?$)", text, re.S | re.M):
        for line in match[2].splitlines():
            if found := re.search(rf"(?:{PROGRAM.pattern}|^ *(?:{'|'.join(out) or '-'}) )(.*)", line):
                if re.search(r"\$\{?[@*]", found[1]):
                    out[match[1]] = words_of(found[1])
    return out


def shell_calls(text, known=()):
    text = re.sub(r"\\\n\s*", " ", text)
    functions = shell_functions(text, dict(known))
    for line in text.splitlines():
        for part in re.split(r"(?=\"\$\{?TESTCTR\b)|(?<!\")(?=\$\{?TESTCTR\b)|&&|\|\||; ", line):
            words = words_of(part)
            if PROGRAM.search(part):
                yield words
            for at, word in enumerate(words):
                if word in functions:
                    yield functions[word] + words[at + 1:]


class Reader:
    """Of a file in Python."""

    def __init__(self, path):
        self.functions, self.given, self.trees = {}, {}, []
        self.load(path)

    def load(self, path):
        with open(path, encoding="utf-8", errors="replace") as file:
            tree = ast.parse(file.read())
        for node in ast.walk(tree):
            if isinstance(node, (ast.Import, ast.ImportFrom)):
                names = [node.module] if isinstance(node, ast.ImportFrom) else [each.name for each in node.names]
                for folder in (os.path.dirname(path), *(os.path.join(TESTS, each) for each in ("bundle", "sections", "documents", "engine"))):
                    for name in names:
                        if name and os.path.exists(found := os.path.join(folder, f"{name}.py")) and found not in self.trees:
                            self.trees.append(found)
                            self.load(found)
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef):
                self.functions[node.name] = node
            elif isinstance(node, ast.Assign) and len(node.targets) == 1 and isinstance(node.targets[0], ast.Name):
                if isinstance(node.value, ast.Lambda):
                    self.functions[node.targets[0].id] = node.value
                else:
                    self.given.setdefault(node.targets[0].id, []).append(node.value)
            elif isinstance(node, (ast.For, ast.comprehension)):
                for name in ast.walk(node.target):
                    if isinstance(name, ast.Name):
                        self.given.setdefault(name.id, []).append(node.iter)
        self.tree = tree

    def words(self, node, depth=0):
        """The strings of an expression in their order, without those of calls in it."""
        if isinstance(node, ast.Constant):
            return [node.value] if isinstance(node.value, str) else []
        if isinstance(node, ast.Name):
            return [word for value in self.given.get(node.id, ()) for word in self.words(value, depth + 1)] if depth < 3 else []
        if isinstance(node, ast.Call):
            if isinstance(node.func, ast.Attribute) and node.func.attr == "split":
                return [word for text in self.words(node.func.value, depth) for word in text.split()]
            return []
        if isinstance(node, ast.JoinedStr):
            return ["".join(each.value if isinstance(each, ast.Constant) else "{}" for each in node.values)]
        if isinstance(node, ast.Subscript):
            return self.words(node.value, depth)
        return [word for child in ast.iter_child_nodes(node) for word in self.words(child, depth)]

    def front(self, function, depth=0):
        """What a function puts in front of the words that it is given."""
        if isinstance(function, ast.Lambda):
            parameters, body = function.args, [function.body]
        else:
            parameters, body = function.args, function.body
        rest = parameters.vararg.arg if parameters.vararg else parameters.args[-1].arg if parameters.args else None
        for part in body:
            for node in ast.walk(part):
                if isinstance(node, (ast.Call, ast.List)) and any(isinstance(each, ast.Starred) and rest in {n.id for n in ast.walk(each) if isinstance(n, ast.Name)}
                                                                 for each in (node.args if isinstance(node, ast.Call) else node.elts)):
                    return self.call_words(node, depth + 1)
        return []

    def call_words(self, node, depth=0):
        if isinstance(node, ast.List):
            return self.words(node)
        name = node.func.id if isinstance(node.func, ast.Name) else node.func.attr if isinstance(node.func, ast.Attribute) else ""
        front = self.front(self.functions[name], depth) if name in self.functions and depth < 4 else []
        return front + [word for argument in node.args for word in self.words(argument)]

    def calls(self):
        for node in ast.walk(self.tree):
            if isinstance(node, (ast.Call, ast.List, ast.Tuple)):
                yield self.words(node) if isinstance(node, ast.Tuple) else self.call_words(node)
            elif isinstance(node, ast.Constant) and isinstance(node.value, str) and PROGRAM.search(node.value):
                yield from shell_calls(node.value)


def calls_in(path):
    """All of the file at `path`, which begins below tests/."""
    path = os.path.join(TESTS, path)
    with open(path, encoding="utf-8", errors="replace") as file:
        text = file.read()
    if path.endswith(".py") or "python" in text.split("\n", 1)[0]:
        return list(Reader(path).calls())
    with open(os.path.join(TESTS, "support.sh"), encoding="utf-8") as file:
        return list(shell_calls(text, shell_functions(file.read(), {}) if "support.sh" in text else {}))


def has_option(words, names):
    return any(word == name or (name.startswith("--") and word.startswith(name + "=")) or
               (not name.startswith("--") and re.match(rf"{name}[\w]", word) and not word.startswith("--")) for word in words for name in names)


def command_of(words, commands):
    """The command that the first words name which name one, None if there is none. @param commands all there are"""
    first = {each.split()[0] for each in commands}
    for at, word in enumerate(words):
        if word in first:
            if longest := max((each for each in commands if words[at:at + len(each.split())] == each.split()), key=len, default=None):
                return longest
    return None
