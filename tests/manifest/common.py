"""Folders with what the manifests of these tests name, and the JSON Schema where it can be asked."""
import json, os, subprocess, sys, warnings

program = os.environ["TESTCTR"]
here = os.path.dirname(os.path.abspath(__file__))
counts = {"passed": 0, "failed": 0}

files = {
    "a.txt": "exec true\n",
    "b.txt": "exec true\n",
    "scripts/a.txt": "exec true\n",
    "scripts/b.txt": "exec true\n",
    "scripts/notes.org": "",
    "doc.md": "```scrut\n$ true\n```\n",
    "plain": "  $ true\n",
    "tool.py": "#!/usr/bin/env python3\n",
    "more.yaml": "version: 1\ntests: [{name: more, script: b.txt}]\n",
}


def furnish(folder):
    for name, text in files.items():
        path = os.path.join(folder, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w") as file:
            file.write(text)
    os.chmod(os.path.join(folder, "tool.py"), 0o755)


def run(folder, *words, env=None):
    return subprocess.run([program, *words], cwd=folder, capture_output=True, text=True, env=env, timeout=60)


def check(what, good, detail=""):
    counts["passed" if good else "failed"] += 1
    if not good:
        print(f"wrong: {what}: {detail}")


def schema():
    return json.loads(run(".", "help", "manifest", "--schema").stdout)


def validator():
    """What says all mistakes that the schema finds; nothing, and why, where its libraries are missing."""
    try:
        warnings.simplefilter("ignore")
        import jsonschema, yaml
    except ImportError as error:
        return None, f"skipped, because python3-jsonschema and python3-yaml are not both installed ({error})"

    class Loader(yaml.SafeLoader):
        """Booleans, numbers and nulls as YAML 1.2 has them."""

    Loader.yaml_implicit_resolvers = {}
    for tag, pattern, first in (
        ("bool", r"^(?:true|True|TRUE|false|False|FALSE)$", "tTfF"),
        ("int", r"^[-+]?[0-9]+$", "-+0123456789"),
        ("float", r"^[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?$", "-+.0123456789"),
        ("null", r"^(?:~|null|Null|NULL|)$", ["~", "n", "N", ""]),
        ("merge", r"^<<$", "<"),
    ):
        import re
        Loader.add_implicit_resolver("tag:yaml.org,2002:" + tag, re.compile(pattern), list(first))
    asked = schema()
    jsonschema.Draft7Validator.check_schema(asked)
    judge = jsonschema.Draft7Validator(asked)
    return (lambda text: [f"{list(e.absolute_path)}: {e.message}" for e in judge.iter_errors(yaml.load(text, Loader))]), ""


def finish(skipped=""):
    if skipped:
        print(skipped)
    print(f"{counts['passed']} passed, {counts['failed']} failed, {1 if skipped else 0} skipped")
    sys.exit(counts["failed"] != 0)
