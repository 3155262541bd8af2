"""The state machine for readers: as a Mermaid diagram, and as words in English and Chinese."""

from sandbox.review.states import ENDS, START, TRANSITIONS, Event, State

STATE_WORDS = {
    State.MEASURED: ("The noisy answer is committed; the rules have not ruled.", "加噪结果已提交，规则尚未判定。"),
    State.AWAITING_VOTE: ("One reviewer is to vote, and decides.", "等待一名审核人员表决。"),
    State.AWAITING_FIRST: ("Two reviewers are to vote, blind to each other.", "等待两名审核人员独立表决。"),
    State.AWAITING_SECOND: (
        "One of the two has voted; how is not shown.",
        "两名审核人员中已有一人表决（内容不公开）。",
    ),
    State.CONSOLIDATING: (
        "The two disagree; they see each other's votes and vote again.",
        "两人意见不一，互见后重新表决。",
    ),
    State.CONSOLIDATING_SECOND: ("One of the two has voted again.", "其中一人已重新表决。"),
    State.AWAITING_THIRD: ("The two still disagree; a third human decides.", "两人仍不一致，由第三人裁定。"),
    State.SAMPLED: (
        "Approved by the rules; a reviewer is to look at it afterwards.",
        "规则已通过，待审核人员事后复查。",
    ),
    State.APPROVED: ("Approved; it is released at once.", "已批准，随即发布。"),
    State.STOPPED: ("Approved, and held back while something is frozen.", "已批准，因冻结而暂停发布。"),
    State.RELEASED_UNSEEN: ("Released; a reviewer is still to look at it.", "已发布，待审核人员复查。"),
    State.RELEASED: ("Released, sealed to the analyst's key.", "已加密发布给分析人员。"),
    State.REJECTED: ("Refused by the reviewers; it never leaves.", "审核未通过，不予发布。"),
    State.WITHDRAWN: ("Withdrawn by its author; it never leaves.", "已由申请人撤回，不予发布。"),
    State.LAPSED: ("Its grant was revoked first; it never leaves.", "授权已先被撤销，不予发布。"),
}

EVENT_WORDS = {
    Event.RULE_AUTOMATIC: ("no rule holds it", "规则未要求审核"),
    Event.RULE_SAMPLED: ("sampled by chance", "随机抽中"),
    Event.RULE_HELD_ONE: ("held for one vote", "须一票"),
    Event.RULE_HELD_TWO: ("held for two votes", "须两票"),
    Event.VOTE: ("one of two votes", "两票之一"),
    Event.APPROVE: ("approved by vote", "表决同意"),
    Event.REJECT: ("rejected by vote", "表决反对"),
    Event.CONFLICT: ("the votes differ", "两票不一致"),
    Event.LOOK: ("looked at", "已复查"),
    Event.WITHDRAW: ("withdrawn by its author", "申请人撤回"),
    Event.LAPSE: ("grant revoked", "授权被撤销"),
    Event.RESET: ("plan, version, answer or policies changed", "计划、版本、结果或规则有变"),
    Event.RELEASE: ("released", "发布"),
    Event.STOP: ("something is frozen", "被冻结"),
}


def diagram() -> str:
    """Every transition as a Mermaid `stateDiagram-v2`; events between the same two states share an arrow."""
    arrows: dict[tuple[State, State], list[str]] = {}
    for (state, event), after in TRANSITIONS.items():
        arrows.setdefault((state, after), []).append(EVENT_WORDS[event][0])
    lines = ["stateDiagram-v2"]
    lines += [f'    state "{state.value}" as {_name(state)}' for state in State]
    lines += [f"    [*] --> {_name(START)}"]
    lines += [f"    {_name(state)} --> {_name(after)}: {', '.join(words)}" for (state, after), words in arrows.items()]
    lines += [f"    {_name(state)} --> [*]" for state in ENDS]
    return "\n".join(lines)


def _name(state: State) -> str:
    return state.value.replace("-", "_")
