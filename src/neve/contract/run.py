"""Runs a contract: static checks on the tree, the others in a sandbox, each with its verdict.

A check that could not run is ``Skipped`` with the reason, never passed. A sandbox that breaks
raises: then nothing is known.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace

from neve.contract.expect import excerpt, mismatch
from neve.contract.http import read_answer, request_bytes
from neve.contract.secret import RunSecrets
from neve.contract.static import static_checks
from neve.contract.subject import Subject
from neve.contract.types import Command, Contract, Expected, HttpRule, Need, Service, Stop, TcpRule
from neve.model import Check, Fail, Pass, Skipped, Verdict
from neve.sandbox.port import Container, Pod, Sandbox
from neve.sandbox.process import Completed, signal_name, signal_number

_POLL = 0.05
_SETTLE = 0.2  # a service that its last answer kills needs a moment to die

Progress = Callable[[Check], None]


def run_contract(
    contract: Contract,
    subject: Subject,
    sandbox: Sandbox | None,
    *,
    neighbours: Mapping[str, Subject | str] | None = None,
    no_sandbox: str = "there is no sandbox on this host",
    progress: Progress | None = None,
) -> tuple[Check, ...]:
    """Judge ``subject`` by ``contract``; the checks come in the contract's order.

    ``subject.image`` must be ready for ``sandbox`` (its ``root`` or ``reference`` set), as must
    those of ``neighbours``: by the ``image`` of a need, a subject, or why there is none. Without
    a sandbox all that needs one is skipped, with ``no_sandbox`` as the reason. ``progress`` is
    told of each check as it is made.
    """
    checks: list[Check] = []
    run = _Run(contract, subject, neighbours or {})
    for check in run.checks(sandbox, no_sandbox):
        shown = _without_secrets(check, run.secrets)
        checks.append(shown)
        if progress is not None:
            progress(shown)
    return tuple(checks)


class _Run:
    """One run of one contract."""

    def __init__(
        self, contract: Contract, subject: Subject, neighbours: Mapping[str, Subject | str]
    ) -> None:
        self._contract = contract
        self._subject = subject
        self._neighbours = neighbours
        self.secrets = RunSecrets()

    def checks(self, sandbox: Sandbox | None, no_sandbox: str) -> Iterator[Check]:
        yield from static_checks(self._contract, self._subject)
        if sandbox is None:
            yield from self._skip_all(no_sandbox)
            return
        if self._contract.commands:
            with sandbox.pod() as pod:
                container = pod.add(self._subject.image, name="image")
                for command in self._contract.commands:
                    yield self._command("command", command, container)
        service = self._contract.service
        if service is not None:
            yield from self._serve(service, sandbox)

    def _serve(self, service: Service, sandbox: Sandbox) -> Iterator[Check]:
        argv = service.command or self._subject.argv
        missing = next(self._missing_needs(), None)
        if missing is not None:
            yield Check(rule="need", subject=missing[0], verdict=Skipped(missing[1]))
            yield from _skip_service(service, f"its neighbour {missing[0]} is not there")
            return
        if not argv:
            yield Check(
                rule="start", subject="service", verdict=Fail("the image has no entrypoint")
            )
            yield from _skip_service(service, "there is nothing to start")
            return
        names = [need.name for need in self._contract.needs]
        with sandbox.pod(names=names, ports=_all_ports(self._contract)) as pod:
            for need in self._contract.needs:
                verdict = self._start_need(need, pod)
                yield Check(rule="need", subject=need.name, verdict=verdict)
                if not isinstance(verdict, Pass):
                    yield from _skip_service(service, f"its neighbour {need.name} is not ready")
                    return
            container = pod.add(self._subject.image, name="image")
            yield from self._serve_in(pod, container, service, argv)

    def _serve_in(
        self, pod: Pod, container: Container, service: Service, argv: Sequence[str]
    ) -> Iterator[Check]:
        for command in service.setup:
            check = self._command("setup", command, container)
            yield check
            if not isinstance(check.verdict, Pass):
                yield from _skip_service(service, f"its set-up {command.name!r} failed")
                return
        argv = self.secrets.fill_all(tuple(argv))
        container.start(argv, environment=self.secrets.fill_pairs(service.environment))
        started = self._ready(pod, container, service.ports, service.ready_within)
        yield Check(rule="start", subject=" ".join(argv)[:80], verdict=started)
        if not isinstance(started, Pass):
            yield from _skip_service(service, "the service did not start", started=True)
            return
        for port in service.ports:
            verdict = Pass("it accepts connections")
            yield Check(rule="port", subject=str(port), verdict=verdict)
        for rule in service.http:
            yield Check(rule="http", subject=_http_subject(rule), verdict=self._http(rule, pod))
        for exchange in service.tcp:
            yield Check(rule="tcp", subject=str(exchange.port), verdict=self._tcp(exchange, pod))
        for command in service.commands:
            yield self._command("service-command", command, container)
        yield from self._end(container, service)

    def _end(self, container: Container, service: Service) -> Iterator[Check]:
        time.sleep(_SETTLE)
        alive = container.running
        ending = Pass("it was still running at the end")
        last = excerpt(_text(container.logs()))
        yield Check(
            rule="stays-up",
            subject="service",
            verdict=ending if alive else Fail(f"it ended by itself; it wrote {last}"),
        )
        if service.logs != Expected():
            wrong = mismatch(self._filled(service.logs), _text(container.logs()), "its log")
            written = Pass("as expected") if wrong is None else Fail(wrong)
            yield Check(rule="logs", subject="service", verdict=written)
        if service.stop is not None:
            verdict = self._stop(container, service.stop) if alive else Skipped("it had ended")
            yield Check(rule="stop", subject=self._signal(service.stop), verdict=verdict)

    def _start_need(self, need: Need, pod: Pod) -> Verdict:
        subject = self._neighbour(need)
        if isinstance(subject, str):
            return Skipped(subject)
        container = pod.add(subject.image, name=need.name)
        for command in need.setup:
            verdict = self._command("setup", command, container).verdict
            if isinstance(verdict, Fail):
                return Fail(f"its set-up {command.name!r}: {verdict.evidence}")
        argv = need.command or subject.argv
        if not argv:
            return Fail("its image has no entrypoint and the contract gives no command")
        filled = self.secrets.fill_all(argv)
        container.start(filled, environment=self.secrets.fill_pairs(need.environment))
        return self._ready(pod, container, need.ports, need.ready_within)

    def _neighbour(self, need: Need) -> Subject | str:
        if need.image is None:
            return self._subject
        return self._neighbours.get(need.image, f"the image {need.image} was not provided")

    def _missing_needs(self) -> Iterator[tuple[str, str]]:
        for need in self._contract.needs:
            found = self._neighbour(need)
            if isinstance(found, str):
                yield need.name, found

    def _ready(
        self, pod: Pod, container: Container, ports: Sequence[int], within: float
    ) -> Verdict:
        """Wait until every port accepts connections and the program is still there."""
        began = time.monotonic()
        waiting = list(ports)
        while True:
            if not container.running:
                return Fail(f"it ended at once; it wrote {excerpt(_text(container.logs()))}")
            waiting = [port for port in waiting if pod.exchange(port, b"", timeout=1.0) is None]
            elapsed = time.monotonic() - began
            if not waiting and (ports or elapsed > 4 * _POLL):
                return Pass("running" if not ports else "it listens")
            if elapsed > within:
                missing = ", ".join(str(port) for port in waiting)
                wrote = excerpt(_text(container.logs()))
                return Fail(f"port {missing} not open after {within:g} s; it wrote {wrote}")
            time.sleep(_POLL)

    def _command(self, rule: str, command: Command, container: Container) -> Check:
        ended = container.run(
            self.secrets.fill_all(command.argv),
            stdin=self.secrets.fill(command.stdin).encode(),
            timeout=command.timeout,
            environment=self.secrets.fill_pairs(command.environment),
        )
        return Check(rule=rule, subject=command.name, verdict=self._ended(command, ended))

    def _ended(self, command: Command, ended: Completed) -> Verdict:
        stdout, stderr = _text(ended.stdout), _text(ended.stderr)
        wrote = excerpt(stderr or stdout)
        if ended.timed_out:
            return Fail(f"still running after {command.timeout:g} s; it wrote {wrote}")
        if ended.exit_code != command.exit_code:
            wanted = f"not exit code {command.exit_code}"
            return Fail(f"{ended.describe()}, {wanted}; it wrote {wrote}")
        for expected, text, what in (
            (command.stdout, stdout, "standard output"),
            (command.stderr, stderr, "standard error"),
        ):
            wrong = mismatch(self._filled(expected), text, what)
            if wrong is not None:
                return Fail(wrong)
        seen = stdout.strip() or stderr.strip()
        return Pass(f"{ended.describe()}, {excerpt(seen[:80])}" if seen else ended.describe())

    def _http(self, rule: HttpRule, pod: Pod) -> Verdict:
        filled = replace(
            rule,
            path=self.secrets.fill(rule.path),
            headers=tuple(self.secrets.fill_pairs(rule.headers).items()),
            body=self.secrets.fill(rule.body),
        )
        data = pod.exchange(rule.port, request_bytes(filled), timeout=rule.timeout)
        if data is None:
            return Fail("nothing accepts the connection")
        try:
            answer = read_answer(data, rule.method)
        except ValueError as error:
            return Fail(f"not an HTTP answer ({error}): {excerpt(_text(data[:200]))}")
        body = _text(answer.body)
        if answer.status != rule.status:
            return Fail(f"status {answer.status}, not {rule.status}: {excerpt(body)}")
        for name, wanted in rule.answer_headers:
            seen = answer.headers.get(name.lower())
            if seen is None or wanted not in seen:
                return Fail(f"header {name} is {seen!r}, without {wanted!r}")
        wrong = mismatch(self._filled(rule.answer), body, "the body")
        return Pass(f"status {answer.status}") if wrong is None else Fail(wrong)

    def _tcp(self, rule: TcpRule, pod: Pod) -> Verdict:
        data = pod.exchange(rule.port, self.secrets.fill(rule.send).encode(), timeout=rule.timeout)
        if data is None:
            return Fail("nothing accepts the connection")
        wrong = mismatch(self._filled(rule.answer), _text(data), "the answer")
        return Pass(excerpt(_text(data))[:80]) if wrong is None else Fail(wrong)

    def _stop(self, container: Container, stop: Stop) -> Verdict:
        number = self._subject.image.stop_signal
        if stop.signal is not None:
            number = signal_number(stop.signal)
        began = time.monotonic()
        ended = container.stop(number, stop.within)
        took = time.monotonic() - began
        if ended.timed_out:
            return Fail(f"still running {stop.within:g} s after {signal_name(number)}")
        if stop.exit_code is not None and ended.exit_code != stop.exit_code:
            return Fail(f"{ended.describe()}, not exit code {stop.exit_code}")
        return Pass(f"{ended.describe()} after {took:.1f} s")

    def _signal(self, stop: Stop) -> str:
        return stop.signal or signal_name(self._subject.image.stop_signal)

    def _filled(self, expected: Expected) -> Expected:
        return Expected(
            equals=None if expected.equals is None else self.secrets.fill(expected.equals),
            contains=self.secrets.fill_all(expected.contains),
            matches=expected.matches,
        )

    def _skip_all(self, reason: str) -> Iterator[Check]:
        for command in self._contract.commands:
            yield Check(rule="command", subject=command.name, verdict=Skipped(reason))
        for need in self._contract.needs:
            yield Check(rule="need", subject=need.name, verdict=Skipped(reason))
        if self._contract.service is not None:
            yield from _skip_service(self._contract.service, reason)


def _skip_service(service: Service, reason: str, *, started: bool = False) -> Iterator[Check]:
    verdict = Skipped(reason)
    if not started:
        yield Check(rule="start", subject="service", verdict=verdict)
    for port in service.ports:
        yield Check(rule="port", subject=str(port), verdict=verdict)
    for rule in service.http:
        yield Check(rule="http", subject=_http_subject(rule), verdict=verdict)
    for exchange in service.tcp:
        yield Check(rule="tcp", subject=str(exchange.port), verdict=verdict)
    for command in service.commands:
        yield Check(rule="service-command", subject=command.name, verdict=verdict)
    if service.stop is not None:
        yield Check(rule="stop", subject=service.stop.signal or "signal", verdict=verdict)


def _all_ports(contract: Contract) -> tuple[int, ...]:
    ports: dict[int, None] = {}
    for need in contract.needs:
        ports.update(dict.fromkeys(need.ports))
    if contract.service is not None:
        ports.update(dict.fromkeys(contract.service.ports))
        ports.update(dict.fromkeys(rule.port for rule in contract.service.http))
        ports.update(dict.fromkeys(rule.port for rule in contract.service.tcp))
    return tuple(ports)


def _http_subject(rule: HttpRule) -> str:
    return f"{rule.method} :{rule.port}{rule.path}"


def _text(data: bytes) -> str:
    return data.decode("utf-8", "replace")


def _without_secrets(check: Check, secrets: RunSecrets) -> Check:
    verdict: Verdict = check.verdict
    match verdict:
        case Pass(evidence):
            verdict = Pass(secrets.hide(evidence))
        case Fail(evidence):
            verdict = Fail(secrets.hide(evidence))
        case Skipped(reason):
            verdict = Skipped(secrets.hide(reason))
        case _:
            pass
    return Check(rule=check.rule, subject=secrets.hide(check.subject), verdict=verdict)
