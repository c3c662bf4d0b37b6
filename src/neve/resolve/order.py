"""Configuration order: dependencies first, cycles broken the same way every time.

dpkg configures a package when its dependencies are configured, and breaks a cycle at any
member. Here a strongly connected group is ordered by its Pre-Depends, then by the order of
choice. Source: deb-control(5), Policy §7.2.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from neve.resolve.universe import Available

Edges = Mapping[Available, Sequence[Available]]


def configuration_order(
    chosen: Sequence[Available], depends: Edges, pre_depends: Edges
) -> list[Available]:
    """``chosen`` so that what a package needs stands before it.

    ``depends`` lists, for each package, every package that satisfies one of its Depends or
    Pre-Depends; ``pre_depends`` those of Pre-Depends alone.
    """
    ordered: list[Available] = []
    for group in _components(chosen, depends):
        members = set(group)
        inside = {
            version: [other for other in pre_depends[version] if other in members]
            for version in group
        }
        if len(group) == 1:
            ordered.extend(group)
        else:
            ordered.extend(member for part in _components(group, inside) for member in part)
    return ordered


def _components(nodes: Sequence[Available], edges: Edges) -> list[list[Available]]:
    """Strongly connected components, needed ones first (Tarjan, without recursion), each in
    the order in which a depth-first walk finishes its members.
    """
    index: dict[Available, int] = {}
    low: dict[Available, int] = {}
    stack: list[Available] = []
    stacked: set[Available] = set()
    finished: dict[Available, int] = {}
    components: list[list[Available]] = []
    for root in nodes:
        if root in index:
            continue
        walk = [(root, iter(edges[root]))]
        index[root] = low[root] = len(index)
        stack.append(root)
        stacked.add(root)
        while walk:
            node, targets = walk[-1]
            for target in targets:
                if target not in index:
                    index[target] = low[target] = len(index)
                    stack.append(target)
                    stacked.add(target)
                    walk.append((target, iter(edges[target])))
                    break
                if target in stacked:
                    low[node] = min(low[node], index[target])
            else:
                walk.pop()
                finished[node] = len(finished)
                if walk:
                    low[walk[-1][0]] = min(low[walk[-1][0]], low[node])
                if low[node] == index[node]:
                    components.append(_pop_component(node, stack, stacked, finished))
    return components


def _pop_component(
    root: Available,
    stack: list[Available],
    stacked: set[Available],
    finished: Mapping[Available, int],
) -> list[Available]:
    component: list[Available] = []
    while True:
        node = stack.pop()
        stacked.discard(node)
        component.append(node)
        if node is root:
            return sorted(component, key=finished.__getitem__)
