"""Random questions: measurements over random rows, and what is made of them after the noise."""

from collections.abc import Sequence
from dataclasses import dataclass

from language_blocks import Block, BlockMaker
from language_expressions import Pair, Speaker
from language_rows import Rows

from sandbox.terms.dataset import Type


@dataclass(frozen=True)
class Question:
    """`ours` is the text that is asked. DuckDB answers each block, the answers become the tables m0, m1, …, and it is asked
    `theirs` of them; None where the only block is the answer. The first `keys` columns tell lines apart."""

    world: str
    ours: str
    withs: tuple[tuple[str, str], ...]
    blocks: tuple[Block, ...]
    theirs: str | None
    keys: int
    ordered: bool


class Asker(BlockMaker):
    """Draws questions about one world."""

    def question(self) -> Question:
        shapes = (
            self.plain,
            self.plain,
            self.chosen,
            self.inline,
            self.outer,
            self.collected,
            self.matched,
            self.stacked,
            self.compared,
            self.beside_public,
        )
        return self.source.choice(shapes)()

    def _asked(self, ours: str, blocks: Sequence[Block], theirs: str | None, keys: int, *, ordered: bool) -> Question:
        withs = tuple((name, inner) for name, _, inner in self.maker.withs)
        head = ", ".join(f"{name} as ({inner})" for name, inner, _ in self.maker.withs)
        if head and ours.startswith("with "):
            text = f"with {head}, {ours[5:]}"
        else:
            text = f"with {head} {ours}" if head else ours
        return Question(self.world.name, text, withs, tuple(blocks), theirs, keys, ordered)

    def plain(self) -> Question:
        block = self.block()
        self.seen["plain"] += 1
        return self._asked(block.ours(), [block], None, len(block.keys), ordered=False)

    def _tail(self, prefix: str, block: Block, speaker: Speaker) -> tuple[str, bool]:
        """ORDER BY and LIMIT by the columns' names."""
        keys = [f"{prefix}k{place}" for place in range(len(block.keys))]
        first = self.source.choice(speaker.fields).name if speaker.fields else None
        parts = (
            [first + self.source.choice(("", " desc", " nulls first", " desc nulls last"))] if first else []
        ) + keys
        if not keys or not self.chance(0.6):
            return "", False
        tail = f" order by {', '.join(parts)}"
        self.seen["order by"] += 1
        if self.chance(0.5):
            tail += f" limit {self.source.choice((1, 3, 10))}"
            self.seen["limit"] += 1
            if self.chance(0.4):
                tail += f" offset {self.source.choice((1, 2))}"
                self.seen["offset"] += 1
        return tail, True

    def chosen(self) -> Question:
        """HAVING, ORDER BY, LIMIT."""
        block = self.block(keys=self.source.choice((1, 1, 2)))
        speaker = self.maker.speaker([item for item in block.fields("") if item.name.startswith("a")])
        having, having_theirs = "", ""
        if speaker.fields and self.chance(0.6):
            condition = speaker.predicate(1)
            having = f" having {self._inlined(condition.ours, block)}"
            having_theirs = f" where {condition.theirs}"
            self.seen["having"] += 1
        tail, ordered = self._tail("", block, speaker)
        return self._asked(
            block.ours(having + tail),
            [block],
            f"select * from m0{having_theirs}{tail}",
            len(block.keys),
            ordered=ordered,
        )

    def _inlined(self, text: str, block: Block) -> str:
        """Names of aggregates as the aggregates themselves."""
        for place in reversed(range(len(block.asked))):
            text = _replaced(text, f"a{place}", block.asked[place].ours)
        return text

    def inline(self) -> Question:
        """Arithmetic and functions of aggregates in the select list."""
        block = self.block()
        sure = [item for item in block.fields("") if item.name.startswith("a")]
        if not sure:
            return self.plain()
        speaker = self.maker.speaker(sure)
        pair = speaker.value(self.source.choice([item.kind for item in sure]), 2)
        keys = ", ".join(f"{pair.ours} as k{place}" for place, pair in enumerate(block.keys))
        grouped = f" group by {', '.join(pair.ours for pair in block.keys)}" if block.keys else ""
        rows = block.rows
        column = f"{self._inlined(pair.ours, block)} as r, {block.asked[0].ours} as a0"
        ours = f"select {keys + ', ' if keys else ''}{column} from {rows.ours}{rows.condition('ours')}{grouped}"
        named = ", ".join([*(f"k{place}" for place in range(len(block.keys))), f"{pair.theirs} as r", "a0"])
        self.seen["inline"] += 1
        return self._asked(ours, [block], f"select {named} from m0", len(block.keys), ordered=False)

    def _source(self, block: Block, number: int) -> tuple[str, str, str]:
        """A block as an entry of FROM: ours, what goes before it, and DuckDB's table."""
        if self.chance(0.4):
            self.seen["answer cte"] += 1
            return f"z{number}", f"z{number} as ({block.ours()})", f"m{number}"
        return f"({block.ours()})", "", f"m{number}"

    def outer(self) -> Question:
        """A query over an answer."""
        block = self.block()
        own, before, theirs = self._source(block, 0)
        speaker = self.maker.speaker(block.fields("q."))
        keys = [f"q.k{place}" for place in range(len(block.keys))]
        sure = [item for item in block.fields("q.") if ".a" in item.name]
        columns = [Pair(name, name, Type.INT) for name in keys]
        if sure:
            columns += [
                Pair(f"{p.ours} as r", f"{p.theirs} as r", p.kind)
                for p in [speaker.value(self.source.choice(sure).kind)]
            ]
        columns.append(Pair("q.a0", "q.a0", Type.INT))
        where = speaker.predicate(1) if speaker.fields and self.chance(0.6) else None
        tail, ordered = self._tail("q.", block, speaker)
        texts = []
        for side, table in (("ours", own), ("theirs", theirs)):
            condition = f" where {getattr(where, side)}" if where is not None else ""
            texts.append(f"select {', '.join(getattr(pair, side) for pair in columns)} from {table} q{condition}{tail}")
        self.seen["outer"] += 1
        ours = f"with {before} {texts[0]}" if before else texts[0]
        return self._asked(ours, [block], texts[1], len(keys), ordered=ordered)

    def collected(self) -> Question:
        """Aggregates of an answer's lines, and DISTINCT."""
        block = self.block(keys=2)
        own, before, theirs = self._source(block, 0)
        sure = [item for item in block.fields("q.") if ".a" in item.name]
        aggregates = ["count(*) as c"]
        for item in sure:
            word = self.source.choice(("min", "max", "count", "sum", "avg", "count distinct"))
            if word in ("sum", "avg") and not item.kind.is_number:
                word = "count"
            text = f"count(distinct {item.name})" if word == "count distinct" else f"{word}({item.name})"
            self.seen[f"collected {word}"] += 1
            aggregates.append(f"{text} as c{len(aggregates)}")
        keyed = self.chance(0.6)
        if self.chance(0.2):
            text = "select distinct q.k0 from {} q"
            keyed = True
            self.seen["distinct lines"] += 1
        elif keyed:
            text = f"select q.k0, {', '.join(aggregates)} from {{}} q group by q.k0"
        else:
            text = f"select {', '.join(aggregates)} from {{}} q"
        ours = f"with {before} {text.format(own)}" if before else text.format(own)
        self.seen["collected"] += 1
        return self._asked(ours, [block], text.format(theirs), int(keyed), ordered=False)

    def matched(self) -> Question:
        """Joins of answers, and a scalar answer beside each line."""
        one = self.block(keys=1, depth=self.source.choice((0, 1)))
        if self.chance(0.4):
            scalar = self.block(keys=0, depth=0)
            self.seen["scalar"] += 1
            ours = f"select q.k0, q.a0, (select a0 from ({scalar.ours()}) z) as s from ({one.ours()}) q"
            return self._asked(
                ours, [one, scalar], "select q.k0, q.a0, (select a0 from m1) as s from m0 q", 1, ordered=False
            )
        rows = Rows(one.rows.ours, one.rows.theirs, one.rows.unit, one.rows.fields, (), one.rows.order)
        other = Block(rows, one.keys, (self.aggregate(rows, self.maker.speaker(rows.fields)),))
        kind = self.source.choice(("join", "left join", "full join"))
        self.seen[f"answers {kind}"] += 1
        text = f"select q.k0, q.a0, z.a0 as b0 from {{}} q {kind} {{}} z on q.k0 = z.k0"
        if kind == "full join":
            text = "select k0, q.a0, z.a0 as b0 from {} q full join {} z using (k0)"
            one = Block(
                Rows(one.rows.ours, one.rows.theirs, one.rows.unit, one.rows.fields, self._narrow(one), one.rows.order),
                one.keys,
                one.asked,
            )
        if kind == "left join":
            other = Block(
                Rows(one.rows.ours, one.rows.theirs, one.rows.unit, one.rows.fields, self._narrow(one)),
                one.keys,
                other.asked,
            )
        ours = text.format(f"({one.ours()})", f"({other.ours()})")
        return self._asked(ours, [one, other], text.format("m0", "m1"), 1, ordered=False)

    def compared(self) -> Question:
        """Lines that are compared with one value of the whole answer."""
        block = self.block(keys=1)
        if not block.asked[0].sure or block.asked[0].kind is not Type.INT:
            return self.plain()
        self.seen["answer compared"] += 1
        word = self.source.choice(("max", "min"))
        text = "select q.k0, q.a0 from {} q where q.a0 <> (select WORD(z.a0) from {} z) or q.k0 is null".replace(
            "WORD", word
        )
        own = f"({block.ours()})"
        return self._asked(text.format(own, own), [block], text.format("m0", "m0"), 1, ordered=False)

    def beside_public(self) -> Question:
        """An answer joined with a public table, after the noise."""
        table, key = self.source.choice((("codes", "id"), ("codes", "grp"), ("groups", "g")))
        reference = self.world.datasets.get("reference")
        block = self.block(keys=1)
        if reference is None or block.keys[0].kind is not Type.INT:
            return self.plain()
        stored = reference.table(table)
        assert stored is not None
        kind = self.source.choice(("join", "left join", "right join", "full join"))
        shown = self.source.choice([column.name for column in stored.columns])
        own = "c.id" if table == "codes" else "c.g"
        columns = f"q.k0, {own} as k1, q.a0, c.{shown} as p0"
        source = f"(select * from reference.{table} where {key} <> 1) c" if self.chance(0.4) else f"reference.{table} c"
        self.seen["beside public"] += 1
        text = f"select {columns} from {{}} q {kind} {source} on q.k0 = c.{key}"
        return self._asked(text.format(f"({block.ours()})"), [block], text.format("m0"), 2, ordered=False)

    def _narrow(self, block: Block) -> tuple[Pair, ...]:
        return (*block.rows.where, self.maker.speaker(block.rows.fields).predicate(0))

    def stacked(self) -> Question:
        one = self.block(keys=1, depth=self.source.choice((0, 1)))
        condition = self._narrow(one)
        other = Block(
            Rows(one.rows.ours, one.rows.theirs, one.rows.unit, one.rows.fields, condition), one.keys, one.asked
        )
        names = ", ".join(f"q.{name}" for name in one.names)
        ours = " union all ".join(
            f"select '{place}' as tag, {names} from ({block.ours()}) q" for place, block in enumerate((one, other))
        )
        theirs = " union all ".join(f"select '{place}' as tag, {names} from m{place} q" for place in (0, 1))
        self.seen["answers union all"] += 1
        return self._asked(ours, [one, other], theirs, 2, ordered=False)


def _replaced(text: str, name: str, new: str) -> str:
    """A whole word replaced, but not within quotes."""
    parts, quoted = [], False
    place = 0
    while place < len(text):
        letter = text[place]
        quoted ^= letter == "'"
        end = place + len(name)
        alone = not text[max(place - 1, 0) : place].isalnum() and not text[end : end + 1].isalnum()
        if not quoted and text.startswith(name, place) and alone:
            parts.append(f"({new})" if "filter" in new else new)
            place = end
        else:
            parts.append(letter)
            place += 1
    return "".join(parts)
