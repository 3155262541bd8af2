"""Which syntax passes: an allow-list of node types with their allowed parts, checked for every node and every part.

The parser knows far more SQL than is answered here. Whatever it fills in that this list does not name is refused, so no
part of a query is ever ignored. A second, independent check accounts for every token of the text.
"""

from collections.abc import Iterator

from sqlglot import exp
from sqlglot.tokenizer_core import Token, TokenType

from sandbox.plan.advice import unknown_node, unknown_part
from sandbox.plan.aggregate_nodes import AGGREGATE_NODES
from sandbox.plan.parse import Parsed, tables
from sandbox.plan.scalar import SCALAR_NODES
from sandbox.plan.spans import Text, span_of
from sandbox.plan.unanswerable import Unanswerable
from sandbox.plan.unit_aggregates import FIRST_NODES
from sandbox.plan.windows import WINDOW_NODES
from sandbox.terms.refusal import PlanNotSupported

_QUERY: dict[type[exp.Expr], frozenset[str]] = {
    exp.Select: frozenset(
        {
            "expressions",
            "from_",
            "joins",
            "where",
            "group",
            "having",
            "qualify",
            "order",
            "limit",
            "offset",
            "distinct",
            "with_",
        }
    ),
    exp.Union: frozenset({"this", "expression", "distinct", "order", "limit", "offset", "with_"}),
    exp.With: frozenset({"expressions"}),
    exp.CTE: frozenset({"this", "alias"}),
    exp.Subquery: frozenset({"this", "alias"}),
    exp.From: frozenset({"this"}),
    exp.Join: frozenset({"this", "side", "kind", "on", "using"}),
    exp.Table: frozenset({"this", "db", "alias"}),
    exp.TableAlias: frozenset({"this", "columns"}),
    exp.Where: frozenset({"this"}),
    exp.Group: frozenset({"expressions", "all"}),
    exp.Having: frozenset({"this"}),
    exp.Qualify: frozenset({"this"}),
    exp.Order: frozenset({"expressions"}),
    exp.Ordered: frozenset({"this", "desc", "nulls_first"}),
    exp.Limit: frozenset({"expression"}),
    exp.Offset: frozenset({"expression"}),
    exp.Fetch: frozenset({"direction", "count", "limit_options"}),
    exp.LimitOptions: frozenset({"rows"}),
    exp.Alias: frozenset({"this", "alias"}),
    exp.Star: frozenset(),
    exp.Distinct: frozenset({"expressions"}),
    exp.Exists: frozenset({"this"}),
    exp.In: frozenset({"this", "expressions", "query"}),
}


def _listed() -> dict[type[exp.Expr], frozenset[str]]:
    """The parts of every node type, of queries, expressions, aggregates and windows."""
    found: dict[type[exp.Expr], frozenset[str]] = {}
    for nodes in (_QUERY, SCALAR_NODES, AGGREGATE_NODES, FIRST_NODES, WINDOW_NODES):
        for kind, parts in nodes.items():
            found[kind] = found.get(kind, frozenset()) | parts
    return found


ALLOWED = _listed()

_SIGNS = {
    TokenType.SELECT,
    TokenType.FROM,
    TokenType.WHERE,
    TokenType.GROUP_BY,
    TokenType.HAVING,
    TokenType.QUALIFY,
    TokenType.ORDER_BY,
    TokenType.LIMIT,
    TokenType.OFFSET,
    TokenType.FETCH,
    TokenType.FIRST,
    TokenType.NEXT,
    TokenType.ROW,
    TokenType.ROWS,
    TokenType.ONLY,
    TokenType.WITH,
    TokenType.UNION,
    TokenType.ALL,
    TokenType.JOIN,
    TokenType.LEFT,
    TokenType.FULL,
    TokenType.RIGHT,
    TokenType.INNER,
    TokenType.OUTER,
    TokenType.CROSS,
    TokenType.SEMI,
    TokenType.ANTI,
    TokenType.ON,
    TokenType.USING,
    TokenType.ALIAS,
    TokenType.AND,
    TokenType.OR,
    TokenType.NOT,
    TokenType.IN,
    TokenType.EXISTS,
    TokenType.BETWEEN,
    TokenType.LIKE,
    TokenType.ILIKE,
    TokenType.IS,
    TokenType.ISNULL,
    TokenType.NOTNULL,
    TokenType.NULL,
    TokenType.UNKNOWN,
    TokenType.TRUE,
    TokenType.FALSE,
    TokenType.CASE,
    TokenType.WHEN,
    TokenType.THEN,
    TokenType.ELSE,
    TokenType.END,
    TokenType.INTERVAL,
    TokenType.DISTINCT,
    TokenType.ASC,
    TokenType.DESC,
    TokenType.FILTER,
    TokenType.OVER,
    TokenType.PARTITION_BY,
    TokenType.RANGE,
    TokenType.COMMA,
    TokenType.DOT,
    TokenType.COLON,
    TokenType.DCOLON,
    TokenType.SEMICOLON,
    TokenType.L_PAREN,
    TokenType.R_PAREN,
    TokenType.PLUS,
    TokenType.DASH,
    TokenType.STAR,
    TokenType.SLASH,
    TokenType.DIV,
    TokenType.MOD,
    TokenType.DSTAR,
    TokenType.CARET,
    TokenType.DPIPE,
    TokenType.EQ,
    TokenType.NEQ,
    TokenType.NULLSAFE_EQ,
    TokenType.LT,
    TokenType.LTE,
    TokenType.GT,
    TokenType.GTE,
}

_COUNTED: tuple[tuple[frozenset[TokenType], tuple[type[exp.Expr], ...]], ...] = (
    (frozenset({TokenType.SELECT}), (exp.Select,)),
    (frozenset({TokenType.WHERE}), (exp.Where,)),
    (frozenset({TokenType.GROUP_BY}), (exp.Group,)),
    (frozenset({TokenType.HAVING}), (exp.Having,)),
    (frozenset({TokenType.QUALIFY}), (exp.Qualify,)),
    (frozenset({TokenType.ORDER_BY}), (exp.Order,)),
    (frozenset({TokenType.LIMIT, TokenType.FETCH}), (exp.Limit, exp.Fetch)),
    (frozenset({TokenType.OFFSET}), (exp.Offset,)),
    (frozenset({TokenType.WITH}), (exp.With,)),
    (frozenset({TokenType.UNION}), (exp.Union,)),
    (frozenset({TokenType.EXISTS}), (exp.Exists,)),
    (frozenset({TokenType.OVER}), (exp.Window,)),
    (frozenset({TokenType.FILTER}), (exp.Filter,)),
)
"""Words that stand for one node each: as many of them as of those nodes, so that no clause is lost with all its words."""

_WORDS: dict[type[exp.Expr], frozenset[str]] = {
    exp.WindowSpec: frozenset({"between", "preceding", "following", "unbounded", "current", "row", "rows", "range"}),
    exp.Ordered: frozenset({"nulls", "first", "last"}),
    exp.Fetch: frozenset({"first", "next", "row", "rows", "only"}),
    exp.Group: frozenset({"all"}),
    exp.WithinGroup: frozenset({"within", "group"}),
    exp.Substring: frozenset({"for"}),
}
"""Words of windows, orders, FETCH and `substring(x from 1 for 2)`, which the tree holds as parts of a node that was checked."""

_TYPE_WORDS = frozenset(
    {
        "int",
        "integer",
        "bigint",
        "smallint",
        "tinyint",
        "hugeint",
        "int1",
        "int2",
        "int4",
        "int8",
        "long",
        "short",
        "signed",
        "double",
        "precision",
        "real",
        "float",
        "float4",
        "float8",
        "numeric",
        "decimal",
        "text",
        "varchar",
        "char",
        "string",
        "bpchar",
        "bool",
        "boolean",
        "logical",
        "date",
        "timestamp",
        "timestamptz",
        "datetime",
        "time",
        "with",
        "without",
        "zone",
    }
)


def check_syntax(parsed: Parsed) -> None:
    """Refuse the first thing, outermost first, that is not on the list.

    Raises:
        Unanswerable: with the refusal's place and candidates for a rewrite.
    """
    text = Text(parsed.sql, parsed.tokens)
    for node in _outermost_first(parsed.tree):
        allowed = ALLOWED.get(type(node))
        if allowed is None:
            raise _with_tables(unknown_node(node, text), parsed)
        for part, value in node.args.items():
            if part not in allowed and value not in (None, False, "", []):
                raise _with_tables(unknown_part(node, part, value, text), parsed)


def _with_tables(found: Unanswerable, parsed: Parsed) -> Unanswerable:
    return Unanswerable(found.refusal, found.candidates, tables(parsed.tree))


def _outermost_first(tree: exp.Expr) -> Iterator[exp.Expr]:
    """Breadth first, each level in the order of the text as far as the parser keeps it."""
    level = [tree]
    while level:
        yield from level
        level = [child for node in level for child in node.iter_expressions()]


def check_tokens(parsed: Parsed) -> None:
    """Refuse a word of the text that is neither a sign of the language nor the beginning of a checked node.

    Raises:
        Unanswerable: PlanNotSupported at that word.
    """
    nodes = list(parsed.tree.walk())
    claimed = {node.meta["start"] for node in nodes if type(node) in ALLOWED and "start" in node.meta}
    spoken, lengths = _spoken(nodes), _lengths(nodes)
    calls = sum(
        isinstance(node, exp.Func | exp.Anonymous) and not isinstance(node, exp.Connector) and "start" not in node.meta
        for node in nodes
    )
    for number, token in enumerate(parsed.tokens):
        if token.start in claimed or token.token_type in _SIGNS or token.text.lower() in spoken:
            continue
        before = parsed.tokens[number - 1].token_type if number else None
        if before is TokenType.INTERVAL and token.text.lower() in lengths:
            continue
        following = parsed.tokens[number + 1].token_type if number + 1 < len(parsed.tokens) else None
        if following is not TokenType.L_PAREN or calls == 0:
            raise _lost(parsed, token)
        calls -= 1  # a function's name: there are no more of them than nodes of functions that have no place
    for kinds, types in _COUNTED:
        said = [token for token in parsed.tokens if token.token_type in kinds]
        if len(said) > sum(type(node) in types for node in nodes):
            raise _lost(parsed, said[-1])


def _spoken(nodes: list[exp.Expr]) -> set[str]:
    """Words that the nodes of the tree are written with, beside their names: of windows, casts, units of time."""
    found: set[str] = set()
    for node in nodes:
        kind = type(node)
        if kind in _WORDS:
            found |= _WORDS[kind]
        if kind is exp.DataType:
            found |= _TYPE_WORDS
        elif kind is exp.Var:
            found |= {str(node.this).lower(), f"{str(node.this).lower()}s"}
    return found


def _lengths(nodes: list[exp.Expr]) -> set[str]:
    """What can follow the word INTERVAL: the parser keeps no place of the 7 in `interval 7 day`, and cuts up '7 days'."""
    found: set[str] = set()
    for node in nodes:
        if isinstance(node, exp.Interval) and isinstance(node.this, exp.Literal):
            number, unit = str(node.this.this), str(node.args.get("unit") or "").lower()
            found |= {number, f"{number} {unit}", f"{number} {unit}s"}
    return found


def _lost(parsed: Parsed, token: Token) -> Unanswerable:
    place = span_of(parsed.sql, token.start, token.end + 1)
    refusal = PlanNotSupported("This word has no meaning in the SQL that is answered here.", span=place)
    without = parsed.sql[: token.start] + parsed.sql[token.end + 1 :]
    return Unanswerable(refusal, (without,), tables(parsed.tree))
