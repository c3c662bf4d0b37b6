"""A strict parser for the small part of POSIX shell that maintainer scripts of habit use.

Source: POSIX.1-2017, Shell Command Language (2.9-2.10). Anything outside the part, such as
here-documents, arithmetic, arrays or background jobs, is a ``ShellSyntaxError``: the caller then
knows nothing about the script, which is always safe. Runs and expands nothing.
"""

from __future__ import annotations

import re

from neve.effects.shell_ast import (
    AndOr,
    Block,
    Case,
    For,
    Function,
    Group,
    If,
    Node,
    Not,
    Pipe,
    Redirection,
    ShellSyntaxError,
    Simple,
    Text,
    While,
    Word,
)
from neve.effects.shell_lexer import MAX_DEPTH, NAME, Lexer, Token

_ASSIGNMENT = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)=")
_MAX_BYTES = 256 << 10


def parse_script(data: bytes) -> Block:
    """The script's commands; raises ``ShellSyntaxError``."""
    if len(data) > _MAX_BYTES:
        raise ShellSyntaxError("the script is too long", 1)
    try:
        text = data.decode()
    except UnicodeDecodeError:
        raise ShellSyntaxError("the script is not UTF-8", 1) from None
    parser = _Parser(Lexer(text).tokens())
    block = parser.block(until=())
    parser.expect_end()
    return block


class _Parser:
    def __init__(self, tokens: list[Token]) -> None:
        self.tokens = tokens
        self.at = 0
        self.depth = 0

    @property
    def now(self) -> Token:
        return self.tokens[self.at]

    def expect_end(self) -> None:
        if self.now.kind != "end":
            raise ShellSyntaxError(f"unexpected {self.now.text!r}", self.now.line)

    def block(self, *, until: tuple[str, ...]) -> Block:
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise ShellSyntaxError("nested too deeply", self.now.line)
        found: list[Node] = []
        self._newlines()
        while self.now.kind != "end" and not self._reserved(*until):
            if self.now.kind == "operator" and self.now.text in until:
                break
            found.append(self._and_or())
            if self.now.kind == "operator" and self.now.text in (";", "\n"):
                self.at += 1
            elif self.now.kind != "end" and self.now.text not in until:
                raise ShellSyntaxError(f"unexpected {self.now.text!r}", self.now.line)
            self._newlines()
        self.depth -= 1
        return tuple(found)

    def _newlines(self) -> None:
        while self.now.kind == "operator" and self.now.text == "\n":
            self.at += 1

    def _reserved(self, *words: str) -> bool:
        return self.now.kind == "word" and self.now.text in words

    def _take(self, text: str) -> None:
        if self.now.text != text or self.now.kind == "end":
            raise ShellSyntaxError(f"expected {text!r}, not {self.now.text!r}", self.now.line)
        self.at += 1

    def _and_or(self) -> Node:
        first = self._pipeline()
        rest: list[tuple[str, Node]] = []
        while self.now.kind == "operator" and self.now.text in ("&&", "||"):
            operator = self.now.text
            self.at += 1
            self._newlines()
            rest.append((operator, self._pipeline()))
        return AndOr(first, tuple(rest)) if rest else first

    def _pipeline(self) -> Node:
        if self._reserved("!"):
            self.at += 1
            return Not(self._pipeline())
        line = self.now.line
        commands = [self._command()]
        while self.now.kind == "operator" and self.now.text == "|":
            self.at += 1
            self._newlines()
            commands.append(self._command())
        return commands[0] if len(commands) == 1 else Pipe(tuple(commands), line)

    def _command(self) -> Node:
        token = self.now
        if token.kind == "operator" and token.text == "(":
            return self._group("(", ")")
        match token.text if token.kind == "word" else "":
            case "{":
                return self._group("{", "}")
            case "if":
                return self._if()
            case "case":
                return self._case()
            case "for":
                return self._for()
            case "while" | "until":
                return self._while()
            case _:
                return self._function_or_simple(token)

    def _function_or_simple(self, token: Token) -> Node:
        following = self.tokens[self.at + 1 : self.at + 3]
        if token.kind == "word" and [t.text for t in following] == ["(", ")"]:
            return self._function()
        return self._simple()

    def _group(self, opening: str, closing: str) -> Group:
        line = self.now.line
        self._take(opening)
        body = self.block(until=(closing,))
        self._take(closing)
        return Group(body, self._redirections(), opening == "(", line)

    def _if(self) -> If:
        branches: list[tuple[Block, Block]] = []
        otherwise: Block = ()
        while not branches or self._reserved("elif"):
            self.at += 1
            condition = self.block(until=("then",))
            self._take("then")
            branches.append((condition, self.block(until=("elif", "else", "fi"))))
        if self._reserved("else"):
            self.at += 1
            otherwise = self.block(until=("fi",))
        self._take("fi")
        self._no_redirection()
        return If(tuple(branches), otherwise)

    def _case(self) -> Case:
        self.at += 1
        word = self._a_word()
        self._newlines()
        self._take("in")
        self._newlines()
        branches: list[tuple[tuple[Word, ...], Block]] = []
        while not self._reserved("esac"):
            if self.now.text == "(":
                self.at += 1
            patterns = [self._a_word()]
            while self.now.text == "|":
                self.at += 1
                patterns.append(self._a_word())
            self._take(")")
            branches.append((tuple(patterns), self.block(until=(";;", "esac"))))
            if self.now.text == ";;":
                self.at += 1
            self._newlines()
        self.at += 1
        self._no_redirection()
        return Case(word, tuple(branches))

    def _for(self) -> For:
        self.at += 1
        name = self.now.text
        self._a_word()
        if not NAME.fullmatch(name):
            raise ShellSyntaxError("not a variable's name", self.now.line)
        self._newlines()
        self._take("in")
        words: list[Word] = []
        while self.now.kind == "word":
            words.append(self._a_word())
        self.at += self.now.text == ";"
        self._newlines()
        self._take("do")
        body = self.block(until=("done",))
        self._take("done")
        self._no_redirection()
        return For(name, tuple(words), body)

    def _while(self) -> While:
        line = self.now.line
        self.at += 1
        condition = self.block(until=("do",))
        self._take("do")
        body = self.block(until=("done",))
        self._take("done")
        self._no_redirection()
        return While(condition, body, line)

    def _function(self) -> Function:
        name = self.now.text
        self.at += 3
        self._newlines()
        body = self._group("{", "}")
        if body.redirections or not NAME.fullmatch(name):
            raise ShellSyntaxError("an unusual function", body.line)
        return Function(name, body.body)

    def _simple(self) -> Simple:
        line = self.now.line
        assignments: list[tuple[str, Word]] = []
        words: list[Word] = []
        redirections: list[Redirection] = []
        while True:
            if self.now.kind == "number" or self.now.text in (">", ">>", "<", ">&", "<&"):
                redirections.append(self._redirection())
            elif self.now.kind == "word":
                text, word = self.now.text, self._a_word()
                found = None if words else _ASSIGNMENT.match(text)
                if found is not None:
                    assignments.append((found.group(1), _after(word, len(found.group()))))
                else:
                    words.append(word)
            else:
                break
        if not assignments and not words and not redirections:
            raise ShellSyntaxError(f"unexpected {self.now.text!r}", line)
        return Simple(tuple(assignments), tuple(words), tuple(redirections), line)

    def _redirections(self) -> tuple[Redirection, ...]:
        found: list[Redirection] = []
        while self.now.kind == "number" or self.now.text in (">", ">>", "<", ">&", "<&"):
            found.append(self._redirection())
        return tuple(found)

    def _no_redirection(self) -> None:
        if self._redirections():
            raise ShellSyntaxError("a redirection of a compound command", self.now.line)

    def _redirection(self) -> Redirection:
        descriptor = None
        if self.now.kind == "number":
            descriptor = int(self.now.text)
            self.at += 1
        operator = self.now.text
        self.at += 1
        return Redirection(descriptor, operator, self._a_word())

    def _a_word(self) -> Word:
        if self.now.word is None:
            raise ShellSyntaxError(f"unexpected {self.now.text!r}", self.now.line)
        word = self.now.word
        self.at += 1
        return word


def _after(word: Word, length: int) -> Word:
    """``word`` without its first ``length`` characters, which are plain text."""
    first = word.parts[0]
    if not isinstance(first, Text) or first.quoted or len(first.text) < length:
        raise ShellSyntaxError("an unusual assignment", word.line)
    return Word((Text(first.text[length:], quoted=False), *word.parts[1:]), word.line)
