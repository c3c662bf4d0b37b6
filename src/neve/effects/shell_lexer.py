"""From shell text to tokens whose words are taken apart (POSIX.1-2017, 2.2-2.6)."""

from __future__ import annotations

import re
from dataclasses import dataclass

from neve.effects.shell_ast import (
    Parameter,
    Part,
    ShellSyntaxError,
    Substitution,
    Text,
    Word,
)

_OPERATORS = (";;", "&&", "||", ">>", ">&", "<&", ";", "(", ")", "<", ">", "|", "\n")
NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_PARAMETER = re.compile(r"([A-Za-z_][A-Za-z0-9_]*|[0-9@#?*])(?:(:?[-+])(.*))?", re.S)
MAX_DEPTH = 64


@dataclass(frozen=True, slots=True)
class Token:
    """``kind`` is ``word``, ``operator``, ``number`` (before a redirection) or ``end``."""

    kind: str
    text: str
    word: Word | None
    line: int


class Lexer:
    """Reads ``text`` from the front; ``depth`` bounds nested expansions."""

    def __init__(self, text: str, line: int = 1, depth: int = 0) -> None:
        self.text = text
        self.at = 0
        self.line = line
        self.depth = depth
        if depth > MAX_DEPTH:
            raise ShellSyntaxError("nested too deeply", line)

    def tokens(self) -> list[Token]:
        """Every token, ``end`` last."""
        found: list[Token] = []
        while True:
            self._skip_blank()
            if self.at >= len(self.text):
                found.append(Token("end", "", None, self.line))
                return found
            found.append(self._token())

    def _skip_blank(self) -> None:
        while self.at < len(self.text):
            if self.text[self.at] in " \t":
                self.at += 1
            elif self.text.startswith("\\\n", self.at):
                self.at += 2
                self.line += 1
            elif self.text[self.at] == "#":
                end = self.text.find("\n", self.at)
                self.at = len(self.text) if end < 0 else end
            else:
                return

    def _token(self) -> Token:
        start, line = self.at, self.line
        if self.text.startswith(("<<", "<>", ">|"), start):
            raise ShellSyntaxError("a here-document or unusual redirection", line)
        for operator in _OPERATORS:
            if self.text.startswith(operator, start):
                self.at += len(operator)
                self.line += operator == "\n"
                return Token("operator", operator, None, line)
        if self.text[start] == "&":
            raise ShellSyntaxError("a background job", line)
        if self.text[start].isdigit() and self.text[start + 1 : start + 2] in ("<", ">"):
            self.at += 1
            return Token("number", self.text[start], None, line)
        word = self._word()
        return Token("word", self.text[start : self.at], word, line)

    def _word(self) -> Word:
        parts: list[Part] = []
        line = self.line
        while self.at < len(self.text):
            character = self.text[self.at]
            if character in " \t\n;&|<>()":
                break
            if character == "'":
                end = self._find("'", self.at + 1)
                parts.append(Text(self._take(self.at + 1, end), quoted=True))
                self.at = end + 1
            elif character == '"':
                self.at += 1
                parts += self._double_quoted()
            elif character == "\\":
                if self.text.startswith("\\\n", self.at):
                    self.line += 1
                else:
                    parts.append(Text(self.text[self.at + 1 : self.at + 2], quoted=True))
                self.at += 2
            elif character == "$":
                parts.append(self._dollar(quoted=False))
            elif character == "`":
                parts.append(self._backquoted(quoted=False))
            else:
                end = self.at
                while end < len(self.text) and self.text[end] not in " \t\n;&|<>()'\"\\$`":
                    end += 1
                parts.append(Text(self.text[self.at : end], quoted=False))
                self.at = end
        return Word(tuple(parts), line)

    def _double_quoted(self) -> list[Part]:
        parts: list[Part] = [Text("", quoted=True)]
        literal = ""
        while True:
            if self.at >= len(self.text):
                raise ShellSyntaxError("a quote is not closed", self.line)
            character = self.text[self.at]
            if character == '"':
                self.at += 1
                parts.append(Text(literal, quoted=True))
                return parts
            if character in "$`":
                parts.append(Text(literal, quoted=True))
                literal = ""
                dollar = character == "$"
                parts.append(self._dollar(quoted=True) if dollar else self._backquoted(quoted=True))
                continue
            if character == "\\" and self.text[self.at + 1 : self.at + 2] in set('$`"\\\n'):
                escaped = self.text[self.at + 1]
                self.line += escaped == "\n"
                literal += "" if escaped == "\n" else escaped
                self.at += 2
                continue
            self.line += character == "\n"
            literal += character
            self.at += 1

    def _dollar(self, *, quoted: bool) -> Part:
        line, following = self.line, self.text[self.at + 1 : self.at + 2]
        if self.text.startswith("$((", self.at):
            raise ShellSyntaxError("arithmetic", line)
        if following == "(":
            end = self._closing(self.at + 2, "(", ")")
            text = self._take(self.at + 2, end)
            self.at = end + 1
            return Substitution(text, quoted)
        if following == "{":
            end = self._closing(self.at + 2, "{", "}")
            inside = self._take(self.at + 2, end)
            self.at = end + 1
            return self._braced(inside, quoted=quoted, line=line)
        found = NAME.match(self.text, self.at + 1)
        if found is None and following and following in "0123456789@#?*":
            self.at += 2
            return Parameter(following, quoted)
        if found is None:
            if following in ("", " ", '"', "'", "/", "\n", "|", ")"):
                self.at += 1
                return Text("$", quoted=True)
            raise ShellSyntaxError("an unusual parameter", line)
        self.at = found.end()
        return Parameter(found.group(), quoted)

    def _braced(self, inside: str, *, quoted: bool, line: int) -> Parameter:
        found = _PARAMETER.fullmatch(inside)
        if found is None:
            raise ShellSyntaxError(f"an unusual parameter expansion: ${{{inside}}}", line)
        name, operator, text = found.groups()
        if operator is None:
            return Parameter(name, quoted)
        nested = Lexer(text, line, self.depth + 1)
        if quoted:
            nested.text += '"'
            parts = nested._double_quoted()
            return Parameter(name, quoted, operator, Word(tuple(parts), line))
        word = nested._word()
        if nested.at != len(nested.text):
            raise ShellSyntaxError("an unusual parameter expansion", line)
        return Parameter(name, quoted, operator, word)

    def _backquoted(self, *, quoted: bool) -> Substitution:
        end = self._find("`", self.at + 1)
        text = self._take(self.at + 1, end)
        if "\\" in text:
            raise ShellSyntaxError("an escape between backquotes", self.line)
        self.at = end + 1
        return Substitution(text, quoted)

    def _closing(self, start: int, opening: str, closing: str) -> int:
        """Where the bracket opened before ``start`` closes; quotes and escapes respected."""
        depth, at, quote = 1, start, ""
        while at < len(self.text):
            character = self.text[at]
            if character == "\\" and quote != "'":
                at += 2
                continue
            if quote:
                quote = "" if character == quote else quote
            elif character in "'\"":
                quote = character
            elif character == opening:
                depth += 1
            elif character == closing:
                depth -= 1
                if depth == 0:
                    return at
            at += 1
        raise ShellSyntaxError("a bracket is not closed", self.line)

    def _find(self, character: str, start: int) -> int:
        end = self.text.find(character, start)
        if end < 0:
            raise ShellSyntaxError("a quote is not closed", self.line)
        return end

    def _take(self, start: int, end: int) -> str:
        text = self.text[start:end]
        self.line += text.count("\n")
        return text
