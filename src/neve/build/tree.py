"""From locked packages to the image's tree: plant, effects, recipe, prune, harden, settle.

The same steps serve lock (which judges), plan and why (which explain) and build (which packs).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from neve.build.plant import Diversion, plant
from neve.build.unmet import unmet_wishes
from neve.build.variant_kinds import loosened_by
from neve.distro import Release
from neve.effects.apply import Applied, apply_effects, settle_effects
from neve.effects.bench import EffectContext
from neve.effects.certificate_rules import judge_certificates
from neve.effects.certificates import Placed, TrustStore, add_certificates, stores_of
from neve.effects.generators.omitted import OMITTED_PATHS, UNMADE
from neve.effects.harden import HardenContext, Hardened, harden, scripts_by_path
from neve.effects.ops import Divert, Effect
from neve.effects.planted import plant_database, plant_placeholders
from neve.effects.prune import PruneRequest, prune
from neve.effects.recipe import RunAs, apply_recipe
from neve.effects.script import Parameters
from neve.effects.services import add_services, require_programs
from neve.formats.deb import PackageFacts
from neve.model import Check, Digest, Origin, Reason, Skipped
from neve.recipe.services import programs_of, run_of
from neve.recipe.types import Loosening, Recipe, Variant
from neve.tree import Content, FileEntry, Inline, Tree

ContentReader = Callable[[FileEntry], bytes]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ingredients:
    """All that one platform's tree is made of.

    ``packages`` come in configuration order, each with the effect that answers its scripts
    (``None``: it has none). ``because`` leads from a package to its request; ``requested`` are
    names asked for. ``contents`` gives the recipe's own files by digest; ``time`` in seconds.
    """

    recipe: Recipe
    variant: Variant
    release: Release
    architecture: str
    packages: Sequence[tuple[PackageFacts, Effect | None]]
    because: Mapping[str, tuple[str, ...]]
    requested: frozenset[str]
    contents: Mapping[Digest, bytes]
    time: int
    read: ContentReader

    @property
    def asked_loosened(self) -> tuple[Loosening, ...]:
        """What somebody wrote that it be loosened."""
        return (*self.recipe.loosened, *self.variant.loosened)

    @property
    def loosened(self) -> tuple[Loosening, ...]:
        """What the recipe and the variant loosen, and what the variant's kind does."""
        return (*self.asked_loosened, *loosened_by(self.variant))

    @property
    def keep(self) -> tuple[str, ...]:
        """What the recipe and the variant keep from pruning."""
        return (*self.recipe.keep, *self.variant.keep)


@dataclass(frozen=True, slots=True, kw_only=True)
class Assembly:
    """A finished tree, who it runs as, and what was judged on the way.

    ``hardened`` holds the checks and the refusals: a lock stops at one. ``planted`` counts the
    entries before anything was pruned. ``bytecode_directories`` hold Python that packages want
    compiled; ``omitted`` are caches that are left out: (package, generator, why); ``unmet``
    is what the recipe says that came to nothing. ``base`` is the runtime image that a layered
    variant lies on.
    """

    tree: Tree
    run_as: RunAs
    hardened: Hardened
    planted: int
    bytecode_directories: tuple[str, ...] = ()
    omitted: tuple[tuple[str, str, str], ...] = ()
    unmet: tuple[Check, ...] = ()
    base: Assembly | None = None
    certificates: tuple[Check, ...] = ()
    """What is worth knowing about the recipe's certificates: a failure is a warning."""
    trust_stores: tuple[TrustStore, ...] = ()
    """Every store that holds the recipe's certificates; none where it has none."""
    accounts: Mapping[str, Reason] = field(default_factory=dict)
    """``user NAME`` or ``group NAME`` → what made the account."""

    @property
    def checks(self) -> tuple[Check, ...]:
        """What hardening judged, what effects left out, and what the recipe says in vain."""
        left_out = tuple(
            Check(rule="omitted-cache", subject=f"{package}: {generator}", verdict=Skipped(why))
            for package, generator, why in self.omitted
        )
        return (*self.hardened.checks, *left_out, *self.unmet, *self.certificates)

    @property
    def left_out(self) -> tuple[tuple[str, Reason], ...]:
        """Patterns of paths that a machine would have and this image has not, with the reason."""
        caches = (
            (pattern, Reason(Origin.RULE, "omitted-cache", f"{generator} of {package}: {why}"))
            for package, generator, why in self.omitted
            for pattern in OMITTED_PATHS[generator]
        )
        unmade = ((path, Reason(Origin.RULE, "not-made", why)) for path, why in UNMADE.items())
        return (*caches, *(row for row in unmade if row[0] not in self.tree))


def configure(ingredients: Ingredients) -> tuple[Tree, Applied]:
    """The tree as a real installation leaves it: planted, effects applied, nothing pruned.

    This is what acceptance compares with an installation by dpkg.
    """
    tree = plant(
        [facts for facts, _ in ingredients.packages],
        aliases=_aliases(ingredients),
        diversions=diversions_of(ingredients),
    )
    return tree, apply_effects(tree, ingredients.packages, context_of(ingredients))


def assemble(ingredients: Ingredients) -> Assembly:
    """The image's tree, pruned and hardened. Raises what effects and the recipe's wishes raise."""
    tree, applied = configure(ingredients)
    planted = len(tree)
    context = context_of(ingredients)
    facts = [facts for facts, _ in ingredients.packages]
    plant_database(tree, facts, context)
    wishes = add_wishes(tree, ingredients, context)
    plant_placeholders(tree, context)
    tree.apply_all(prune(tree, prune_request(ingredients)))
    hardened = harden(tree, _harden_context(ingredients, wishes.run_as, tree))
    tree.apply_all(hardened.edits)
    settle_effects(tree, applied)
    require_programs(tree, ingredients.recipe)
    return Assembly(
        tree=tree,
        run_as=wishes.run_as,
        hardened=hardened,
        planted=planted,
        bytecode_directories=applied.bytecode_directories,
        omitted=applied.omitted,
        unmet=unmet_wishes(
            tree,
            run_of(ingredients.recipe),
            keep=ingredients.keep,
            loosened=ingredients.asked_loosened,
            judged=hardened.checks,
            run_as=_only_account(ingredients.recipe, wishes.run_as),
        ),
        certificates=wishes.certificates(tree, ingredients, context),
        trust_stores=stores_of(tree, ingredients.recipe, wishes.placed),
        accounts={**wishes.accounts, **applied.accounts},
    )


def _only_account(recipe: Recipe, run_as: RunAs) -> RunAs | None:
    """Who everything in the image runs as; ``None`` where a service has an account of its own."""
    return None if any(service.user for service in recipe.services) else run_as


@dataclass(frozen=True, slots=True, kw_only=True)
class Wishes:
    """What the recipe put into a tree: who it runs as, where its certificates went, and what
    made each account.
    """

    run_as: RunAs
    placed: Placed
    accounts: Mapping[str, Reason]

    def certificates(
        self, tree: Tree, ingredients: Ingredients, context: EffectContext
    ) -> tuple[Check, ...]:
        """What is worth knowing about the recipe's certificates in the finished tree."""
        judged = judge_certificates(tree, ingredients.recipe, context)
        return (*judged, *self.placed.unreached)


def add_wishes(tree: Tree, ingredients: Ingredients, context: EffectContext) -> Wishes:
    """Put into ``tree`` what the recipe asks for beside packages: accounts, files, certificates,
    services. Raises what can't be met.
    """
    wishes = apply_recipe(
        tree,
        ingredients.recipe,
        context,
        file_content=lambda digest: _content(ingredients, digest),
    )
    placed = add_certificates(tree, ingredients.recipe, context)
    add_services(tree, ingredients.recipe, wishes.run_as, context)
    return Wishes(run_as=wishes.run_as, placed=placed, accounts=wishes.accounts)


def commands_of(recipe: Recipe) -> tuple[str, ...]:
    """The programs a recipe runs: what starts the image, and what asks after its health."""
    run = run_of(recipe)
    check = run.health_check
    heads = (run.entrypoint[:1], run.command[:1], check.command[:1] if check else ())
    starts = [word for head in heads for word in head]
    return tuple(dict.fromkeys((*starts, *programs_of(recipe))))


def context_of(ingredients: Ingredients) -> EffectContext:
    """What effects are applied with."""
    return EffectContext(
        read=ingredients.read,
        parameters=Parameters.of(ingredients.architecture),
        time=ingredients.time,
    )


def prune_request(ingredients: Ingredients) -> PruneRequest:
    """What pruning respects in this image."""
    run = ingredients.recipe.run
    return PruneRequest(
        keep=ingredients.keep,
        requested=ingredients.requested,
        used=frozenset((*commands_of(ingredients.recipe), *run.writable, *run.volumes)),
    )


def _harden_context(ingredients: Ingredients, run_as: RunAs, tree: Tree) -> HardenContext:
    return HardenContext(
        run=run_of(ingredients.recipe),
        uid=run_as.uid,
        gids=(run_as.gid,),
        scripts=scripts_by_path(tree, (facts for facts, _ in ingredients.packages)),
        because=ingredients.because,
        requested=ingredients.requested,
        keep=ingredients.keep,
        loosened=ingredients.loosened,
        read=ingredients.read,
    )


def _content(ingredients: Ingredients, digest: Digest) -> Content:
    return Inline(ingredients.contents[digest])


def _aliases(ingredients: Ingredients) -> dict[str, str]:
    links = ingredients.release.alias_links(ingredients.architecture)
    return {path: "/" + target.lstrip("/") for path, target in links}


def diversions_of(ingredients: Ingredients) -> dict[str, Diversion]:
    """Path → where the effects of the packages divert it to."""
    found: dict[str, Diversion] = {}
    for facts, effect in ingredients.packages:
        parameters = Parameters.of_package(facts, ingredients.architecture)
        for operation in effect.operations if effect is not None else ():
            if isinstance(operation, Divert):
                name = dict(facts.control)["Package"]
                path = parameters.fill(operation.path)
                found[path] = Diversion(to=parameters.fill(operation.to), by=name)
    return found
