"""The catalogue of attacks: what each is, what stands against it, which tests prove it, and where the attack works.

P1-P22 are attacks on privacy, S1-S40 on the system; the numbers are those that the file names carry. A proof names a test
(file::function; file names are unique in the tree) and its control: "inside" where the test itself shows the attack
working with the defence off, another test that does, or "" where there is none. What does not apply yet, or is open, says
why. `test_catalogue.py` holds the table against the tree; `write_attacks.py` makes sandbox/docs/reference/attacks.md.
"""

from dataclasses import dataclass

INSIDE = "inside"


@dataclass(frozen=True)
class Proof:
    """A test, and where its control is."""

    test: str
    control: str = INSIDE


@dataclass(frozen=True)
class Attack:
    """`open` says what is not covered, or why nothing is; it may stand beside proofs."""

    id: str
    words: str
    defence: str
    proofs: tuple[Proof, ...] = ()
    open: str = ""


def _proofs(file: str, *tests: str | tuple[str, str]) -> tuple[Proof, ...]:
    """Proofs of one file; a pair names its control, in the same file unless it has a "::" of its own."""
    made = []
    for item in tests:
        test, control = (item, INSIDE) if isinstance(item, str) else item
        here = control in {"", INSIDE} or "::" in control
        made.append(Proof(f"{file}::{test}", control if here else f"{file}::{control}"))
    return tuple(made)


PRIVACY = (
    Attack(
        "P1", "The time of an answer depends on rows", "Answers appear on the release clock's slots, from plan and declared sizes",
        _proofs("test_release_timing.py", ("test_the_clock_hides_how_long_the_engine_took", "test_control_without_the_clock_the_pairs_are_told_apart")),
    ),
    Attack(
        "P2", "The noise sampler's run time tells the noise", "The sampler runs inside the slot; nothing is shown before its end",
        _proofs("test_release_timing.py", ("test_the_clock_hides_how_long_the_engine_took", "test_control_without_the_clock_the_pairs_are_told_apart")),
    ),
    Attack("P3", "A program keeps state from row to row", "", open="No programs of analysts run yet: SQL becomes a closed plan of total functions."),
    Attack(
        "P4", "The cost depends on rows", "The cost is computed from the plan, before any data",
        _proofs("test_record_replay.py", ("test_every_operator_shows_nothing_on_every_pair", "test_control_what_depends_on_rows_is_noticed"))
        + _proofs("test_accounts_audit.py", ("test_every_draw_is_paid_for_by_every_account", "test_control_planted_faults_of_the_books_are_found")),
    ),
    Attack(
        "P5", "An error depends on a row", "Total functions; one constant failure; the loss stays spent",
        _proofs("test_record_replay.py", ("test_a_hundred_crashing_questions_show_nothing", "test_control_what_depends_on_rows_is_noticed")),
    ),
    Attack(
        "P6", "Logs, progress and metrics depend on rows", "Constant event names; entries hold no counts",
        _proofs("test_record_replay.py", ("test_every_operator_shows_nothing_on_every_pair", "test_control_what_depends_on_rows_is_noticed"))
        + _proofs("test_canaries.py", ("test_no_canary_leaves_a_life", "test_canary_controls.py::test_files_that_hold_rows_are_found")),
    ),
    Attack(
        "P7", "The number of groups, or an answer's size, tells who exists", "Public keys, all of them, always; private ones by noisy selection; sealed texts of a few sizes",
        _proofs(
            "test_p07_existence.py", "test_groups_are_those_declared_whoever_is_there",
            "test_computed_groups_are_enumerated_from_declarations", "test_a_group_of_one_person_does_not_show",
            "test_the_chance_that_it_shows_is_within_the_delta_that_is_paid",
            ("test_whoever_comes_moves_no_vector_beyond_what_its_noise_is_made_for", "test_control_somebody_beyond_all_bounds_would_move_them_further"),
            ("test_keys_and_rows_from_the_data_are_refused", "test_control_keys_from_the_data_show_them"),
        )
        + _proofs("test_size_classes.py", ("test_contents_of_one_class_look_alike_in_size", "test_record_replay.py::test_control_an_answer_whose_size_depends_on_a_value_is_noticed")),
    ),
    Attack("P8", "The order of rows in an answer", "The order of the declared keys; exact sums that no order moves", _proofs("test_p07_existence.py", "test_the_order_of_rows_is_nowhere")),
    Attack(
        "P9", "The low bits of noise on doubles", "Integers on one lattice, OpenDP's discrete samplers, its feature `contrib` alone",
        _proofs("test_p09_numbers.py", ("test_every_answer_is_reachable_from_both_neighbours", "test_control_noise_on_doubles_tells_the_neighbours_apart"), "test_no_feature_of_opendp_that_idealises_numbers"),
    ),
    Attack(
        "P10", "Sensitivity underrated: overflow, rounding, order", "Exact int64 sums whose largest size is proved at plan time",
        _proofs("test_p09_numbers.py", ("test_what_could_overflow_is_refused_at_plan_time", "test_control_machine_integers_wrap"), "test_sums_are_exact_in_any_order")
        + _proofs("test_exact_sensitivity.py", ("test_no_pair_moves_a_vector_beyond_its_sensitivity_and_one_reaches_it", "test_control_each_fault_of_bounding_and_summing_moves_a_vector_too_far")),
    ),
    Attack(
        "P11", "Bounds, domains or null rates taken from rows; NaN and infinities", "Declared bounds only; NaN is NULL, what lies beyond is the bound",
        _proofs("test_p09_numbers.py", "test_no_value_moves_a_sum_by_more_than_its_bound", "test_nothing_is_taken_from_the_data_but_the_answer", ("test_the_richest_person_moves_no_vector_beyond_what_its_noise_is_made_for", "test_control_machine_integers_wrap"), "test_an_extreme_is_no_value_of_a_row")
        + _proofs("test_epsilon_audit.py", ("test_every_operator_on_the_pair_that_hurts_it_most", "test_epsilon_mutants.py::test_a_planted_fault_is_caught")),
    ),
    Attack(
        "P12", "Singling one person out, alone or by differences", "The identifier is counted and joined on, never compared or shown; each answer has its own noise and price",
        _proofs("test_p12_singling_out.py", "test_what_singles_somebody_out_has_no_plan", "test_what_is_answered_about_few_is_bounded_and_noisy")
        + _proofs("test_p16_averaging.py", ("test_a_person_cannot_be_subtracted_out_exactly", ""))
        + _proofs("test_epsilon_audit.py", ("test_a_unit_is_told_apart_no_better_than_was_paid_for", "test_epsilon_mutants.py::test_the_audit_catches_what_is_planted")),
    ),
    Attack("P13", "Many analysts who are one", "The dataset's and the unit space's accounts stand above every grant", _proofs("test_p16_averaging.py", "test_many_names_spend_no_more_than_one")),
    Attack(
        "P14", "Spending twice by race", "One writing transaction rechecks every account",
        _proofs("test_ledger_races.py", ("test_eight_processes_are_granted_the_budget_exactly", "test_control_checking_before_writing_grants_more"))
        + _proofs("test_ledger_race_kills.py", ("test_writers_that_are_killed_and_replaced_are_granted_exactly_what_there_is", "test_control_writers_that_look_first_are_granted_more")),
    ),
    Attack(
        "P15", "A crash between noise and debit", "The debit is durable before the engine is asked; a crash leaves it spent",
        _proofs("test_ledger_kills.py", ("test_fifty_kills_lose_nothing", "test_control_a_writer_that_acknowledges_before_its_commit_is_caught"))
        + _proofs("test_ledger_every_step.py", ("test_a_fault_at_every_call_of_every_step_is_before_or_after", "test_control_a_lost_write_is_noticed")),
    ),
    Attack(
        "P16", "The same question again and again, to average the noise away", "The stored answer for nothing; another loss is another price",
        _proofs("test_p16_averaging.py", "test_a_hundred_times_the_same_is_one_answer")
        + _proofs("test_one_question_one_draw.py", ("test_a_hundred_identical_submissions_at_once_are_one_draw", "test_control_different_questions_at_once_are_charged_each")),
    ),
    Attack(
        "P17", "A warm cache answers faster", "The slot; another grant's question is quoted and shown as if new",
        _proofs("test_release_timing.py", ("test_the_clock_hides_how_long_the_engine_took", "test_control_without_the_clock_the_pairs_are_told_apart"))
        + _proofs("test_one_question_one_draw.py", ("test_a_quote_is_as_if_new", "")),
    ),
    Attack("P18", "Rows encoded in answers: texts, names, bits", "Noisy numbers, and keys that many people share; withheld columns are not there", _proofs("test_p12_singling_out.py", "test_what_carries_rows_has_no_plan")),
    Attack(
        "P19", "Randomness that repeats after a fork or from a seed", "The operating system's generator; nothing is seeded",
        _proofs("test_p19_randomness.py", "test_no_fork_draws_what_another_drew", "test_no_source_of_the_product_seeds_anything")
        + _proofs("test_draws_are_fresh.py", ("test_no_noise_is_used_twice", "test_control_repeated_noise_is_found")),
        open="A virtual machine resumed twice from one snapshot is not noticed.",
    ),
    Attack(
        "P20", "The true value in a log, a file or memory", "It exists in the engine between merge and noise only",
        _proofs("test_canaries.py", ("test_no_canary_leaves_a_life", "test_canary_controls.py::test_memory_files_and_shared_memory_are_found")),
        open="The sweep seeks values of rows, not exact sums: these are sealed before they cross Ray. Memory itself is open to root; a debug build has no other measurement yet, since there is no attestation.",
    ),
    Attack(
        "P21", "A search for the queries that tell most", "Nothing but differential privacy decides; no heuristic to be searched",
        _proofs("test_epsilon_audit.py", ("test_every_operator_on_the_pair_that_hurts_it_most", "test_epsilon_mutants.py::test_a_planted_fault_is_caught")),
    ),
    Attack("P22", "An owner's poisoned rows uncover another owner's in a join", "", open="There are no joins yet; every table is one owner's."),
)  # fmt: skip

SYSTEM = (
    Attack(
        "S1", "Ray's ports and dashboard", "A private network namespace, a token, no dashboard",
        _proofs("test_s01_ray.py", "test_no_port_of_rays_can_be_reached_from_outside", "test_everything_of_the_data_plane_is_inside",
                "test_the_service_listens_on_loopback_alone", "test_there_is_no_dashboard_and_no_jobs_interface", "test_inside_the_token_is_needed"),
    ),
    Attack("S2", "Code in the metadata of a Parquet file", "Extension types are refused, metadata is left behind, Ray reads no file", _proofs("test_s10_files.py", "test_code_in_the_metadata_is_refused_and_never_runs")),
    Attack(
        "S3", "A pickle wherever bytes come in", "msgpack, JSON and sealed bytes with readers of their own",
        _proofs("test_s03_pickle.py", "test_no_reader_of_bytes_unpickles", ("test_a_workers_job_that_is_a_pickle_fails_in_one_byte", "test_no_reader_of_bytes_unpickles"),
                "test_the_engines_socket_takes_no_pickle", "test_the_face_takes_no_pickle",
                ("test_no_source_of_the_product_can_run_what_it_reads", "test_control_what_could_is_found")),
        open="Ray itself un-pickles what a worker returns: a worker that is taken over could run code in the engine. Only our code runs there.",
    ),
    Attack(
        "S4", "Rows in Ray's shared memory, spill or log files", "Workers read encrypted files themselves; sealed sums travel",
        _proofs("test_canaries.py", ("test_no_canary_leaves_a_life", "test_canary_controls.py::test_rows_that_ray_spills_are_found")),
    ),
    Attack(
        "S5", "Core files, swap, a debugger", "No core, not dumpable, in every process that holds a key",
        _proofs("test_s05_memory.py", "test_a_crash_leaves_no_core_and_nobody_traces", "test_whoever_holds_a_key_has_closed_itself_before",
                ("test_no_process_of_a_running_enclave_may_write_a_core", "test_a_crash_leaves_no_core_and_nobody_traces"),
                "test_no_key_stands_in_an_environment_or_a_command_line")
        + _proofs("test_canary_controls.py", "test_a_core_file_is_found"),
        open="Swap is not refused at start, and keys are not locked into memory: run without swap.",
    ),
    Attack(
        "S6", "Reading a sibling process's memory", "Not dumpable: no ptrace by the same user",
        _proofs("test_s05_memory.py", "test_a_crash_leaves_no_core_and_nobody_traces", "test_whoever_holds_a_key_has_closed_itself_before"),
        open="Workers have no seccomp filter; only our code runs in them.",
    ),
    Attack(
        "S7", "SQL that reads or writes files, the network, the catalogue", "SQL becomes a closed plan; no SQL engine runs",
        _proofs("test_s07_readers.py", ("test_what_reads_or_writes_elsewhere_has_no_plan", "test_control_an_engine_that_takes_the_text_carries_it_out"),
                ("test_what_would_need_a_network_has_no_plan", ""), ("test_the_face_refuses_them_and_nothing_is_spent", "test_control_an_engine_that_takes_the_text_carries_it_out"),
                "test_the_parser_library_only_parses"),
    ),
    Attack(
        "S8", "Texts that two parsers read differently", "What is not wholly understood is refused, node by node and word by word",
        _proofs("test_s08_differentials.py", "test_what_is_not_wholly_understood_is_refused")
        + _proofs("test_outside_the_grant.py", ("test_nothing_outside_is_reached", "test_without_the_narrowing_many_would_reach_outside"))
        + _proofs("test_plan_syntax.py", ("test_every_unlisted_part_of_every_listed_node_is_refused", "test_the_word_check_catches_what_a_lax_list_would_let_through")),
    ),
    Attack(
        "S9", "Bombs of text; queries that eat memory", "Limits before the parser; memory proved at plan time",
        _proofs("test_s09_bombs.py", ("test_a_bomb_is_refused_in_little_memory", "test_control_the_library_alone_runs_out_of_stack"),
                ("test_the_face_survives_them", "test_control_the_library_alone_takes_them"))
        + _proofs("test_engine_memory.py", ("test_no_query_takes_more_as_rows_grow", "test_control_all_rows_in_one_block_take_more")),
    ),
    Attack(
        "S10", "Parquet and CSV that are bombs or lies", "Bounded readers, flat plain columns, nothing declared is believed",
        _proofs("test_s10_files.py", "test_a_crafted_file_is_refused", "test_a_bomb_within_the_declared_rows_stays_small", "test_statistics_are_not_believed",
                "test_a_footer_that_lies_about_rows_brings_no_more_than_declared", "test_a_footer_of_an_impossible_length", "test_a_refusal_holds_no_cell"),
        open="Files are decoded in the engine's own process, not in a jail: a flaw of Arrow's reader would be a flaw of ours.",
    ),
    Attack("S11", "Archives, links and paths in the place of a file", "Bare names in the inbox; regular files; no archives",
        _proofs("test_s11_archives.py", "test_an_archive_is_no_table", ("test_only_a_bare_name_is_a_place", "test_control_a_joined_path_leads_out"), "test_what_is_no_plain_file_is_not_opened")),
    Attack("S12", "Addresses in the place of a file", "No addresses: a bare name, or nothing",
        _proofs("test_s11_archives.py", ("test_only_a_bare_name_is_a_place", "test_control_a_reader_of_addresses_fetches_them"))),
    Attack(
        "S13", "Forged tokens in every form", "Opaque tokens of 256 bits, compared by digest, in one header",
        _proofs("test_s13_tokens.py", "test_a_forged_token_is_nobodys", "test_a_token_counts_in_its_one_place_only",
                ("test_no_proxys_word_for_who_asks", ""), "test_tokens_are_kept_as_digests_and_are_not_guessable")
        + _proofs("test_forgeries.py", "test_no_forged_token_signs_in"),
    ),
    Attack(
        "S14", "Formulas in an exported CSV", "Texts quoted, an apostrophe before what could be a formula",
        _proofs("test_release_forms.py", ("test_no_text_is_a_formula", "test_the_control_a_plain_writer_lets_formulas_through")),
    ),
    Attack("S15", "Script in the officer's console", "", open="There is no console yet; the API answers no HTML and forbids all scripts."),
    Attack(
        "S16", "Texts that become lines, or terminal escapes", "One line of visible text, or a refusal; the CLI prints no control character",
        _proofs("test_s16_records.py", "test_a_text_that_is_more_than_a_line_is_refused", ("test_every_line_of_the_log_is_one_record_of_printable_ascii", "test_a_text_that_is_more_than_a_line_is_refused"))
        + _proofs("test_cli_text.py", ("test_nothing_hidden_gets_through", "test_the_control_the_danger_would_be_printed")),
    ),
    Attack(
        "S17", "Another web page talks to the enclave", "One Host, no cookies, no CORS, JSON only",
        _proofs("test_s17_origins.py", "test_another_host_is_not_served", "test_no_other_header_stands_in_for_host", "test_a_target_in_another_form_is_not_served",
                ("test_no_origin_is_let_in", "test_control_a_permissive_layer_lets_them_in"), "test_what_a_form_can_send_is_not_read"),
    ),
    Attack(
        "S18", "An operator without secrets edits files", "Sealed keys bound to their place; signed manifests; a ledger that is recomputed",
        _proofs("test_s18_places.py", "test_nothing_of_a_running_enclave_is_open_to_others", "test_a_home_that_others_can_open_is_not_served",
                "test_a_key_file_that_was_touched_seals_the_enclave", "test_an_enclave_whose_ledger_was_touched_starts_sealed",
                "test_another_public_file_is_refused", "test_no_other_passphrase_opens")
        + _proofs("test_ledger_books.py", ("test_every_cell_of_every_row_counts", "test_control_the_same_handling_without_a_change_is_accepted"))
        + _proofs("test_store_bucket_tamper.py", ("test_no_swap_between_datasets_versions_tables_buckets_and_kinds_is_read", "test_control_with_all_three_off_swaps_are_read"),
                  ("test_no_flipped_bit_is_read", "test_control_without_the_footer_digest_some_flipped_bits_are_read"), "test_plaintext_in_place_is_refused_and_the_control_reads_it"),
        open="Code and configuration are not measured yet.",
    ),
    Attack(
        "S19", "An older state of the ledger brings budget back", "",
        _proofs("test_store_manifest.py", ("test_rolling_back_to_an_older_version_is_refused", "")),
        open="Open: there are no witnesses yet, so an older ledger is taken. An older version of the data is refused.",
    ),
    Attack(
        "S20", "Two copies of one enclave", "A lock on the home", _proofs("test_s18_places.py", "test_one_home_has_one_enclave"),
        open="Open for copies of the home: there are no witnesses yet.",
    ),
    Attack(
        "S21", "The clock is moved", "Budgets never come back with time; entries' times may not run back",
        _proofs("test_proof_books.py", ("test_the_clock_may_stumble_but_not_run_back", "")),
        open="A grant's term follows the machine's clock; there is no time of witnesses to hold it against.",
    ),
    Attack(
        "S22", "The log cut, edited or put in another order", "A Merkle tree, signed checkpoints, laws that every entry keeps",
        _proofs("test_proof_log_export.py", ("test_every_changed_byte_is_found", "test_a_true_log_verifies"), ("test_every_removed_doubled_or_swapped_line_is_found", "test_a_true_log_verifies"))
        + _proofs("test_proof_books_mutations.py", ("test_every_single_mutation_is_found_and_named", "test_control_changes_that_keep_every_law_verify")),
    ),
    Attack(
        "S23", "The log cannot be written", "Nothing happens without its entry, in one transaction",
        _proofs("test_ledger_faults.py", ("test_a_fault_at_some_calls_leaves_no_half_state", "test_control_without_a_fault_all_is_acknowledged"))
        + _proofs("test_ledger_every_step.py", ("test_a_fault_at_some_calls_is_before_or_after", "test_control_a_lost_write_is_noticed")),
    ),
    Attack(
        "S24", "Keys or custodians are lost", "The root key under a passphrase; a key that does not open is never replaced",
        _proofs("test_store_keyring.py", ("test_a_key_that_does_not_open_is_never_replaced", ""), ("test_erasing_a_dataset_makes_its_files_unreadable_and_no_others", INSIDE)),
        open="Shares among custodians (3 of 5) do not exist yet.",
    ),
    Attack(
        "S25", "A nonce or a file key used twice", "Random per seal and per file; a suite that a repeated nonce hardly hurts",
        _proofs("test_p19_randomness.py", ("test_nothing_is_made_twice", "test_control_a_nonce_that_repeats_shows_two_texts"),
                ("test_a_repeated_nonce_would_show_equal_texts_only", "test_control_a_nonce_that_repeats_shows_two_texts")),
    ),
    Attack(
        "S26", "A sealed answer swapped, re-addressed or played again", "Recipient, question and version are bound into the seal; the certificate names its digest",
        _proofs("test_s26_envelopes.py", ("test_an_envelope_opens_for_its_reader_and_purpose_alone", "test_control_without_a_context_each_passes_for_any_other"),
                ("test_a_sealed_key_opens_in_its_place_alone", "test_control_without_a_context_each_passes_for_any_other"),
                "test_an_order_dies_with_the_engine_that_it_is_for")
        + _proofs("test_forgeries.py", "test_no_forged_bundle_opens", "test_no_forged_certificate_opens_or_verifies", "test_a_release_is_its_reader_s_alone_and_another_enclave_s_is_none",
                  "test_no_forged_order_is_carried_out")
        + _proofs("test_release_proofs.py", ("test_a_lie_is_found", "test_the_control_the_same_made_anew_without_a_lie_opens")),
    ),
    Attack("S27", "Keys released to another or an older image", "", open="There is no attestation yet; certificates say `assurance: software`."),
    Attack(
        "S28", "No TLS, or a weaker one", "The service listens on loopback; the client sends no token over plain HTTP elsewhere",
        _proofs("test_client_calls.py", ("test_addresses_that_would_leak_a_token", "")),
        open="TLS ends in a proxy of the operator's; nothing binds its key to the enclave yet.",
    ),
    Attack(
        "S29", "Packages in other bytes than those reviewed", "Lists with hashes for every package",
        _proofs("test_s29_supplies.py", ("test_every_requirement_is_pinned_to_its_bytes", "test_control_a_harmed_list_is_found")),
        open="Installed files are not measured at start yet.",
    ),
    Attack(
        "S30", "Environment variables", "Planes get a handful of names and an isolated interpreter",
        _proofs("test_s30_environment.py", "test_a_variable_does_not_reach_a_plane", "test_what_the_loader_obeys_is_not_on_the_list_either",
                ("test_a_plane_is_isolated_from_its_interpreters_variables", "test_code_on_the_path_runs_only_where_the_interpreter_looks"),
                "test_code_on_the_path_runs_only_where_the_interpreter_looks", "test_a_running_enclave_hears_nothing_of_them"),
        open="The parent process, which the operator starts and which reads the passphrase, has the environment it is given.",
    ),
    Attack("S31", "Side channels through /proc in a jail", "", open="There is no jail, since no foreign code runs."),
    Attack("S32", "AF_VSOCK, netlink, io_uring, user namespaces from a jail", "", open="There is no jail, since no foreign code runs."),
    Attack("S33", "A jail that was not set up runs all the same", "", open="There is no jail, since no foreign code runs."),
    Attack(
        "S34", "Approving, reviewing or lifting what is one's own", "Roles that exclude each other; humans counted, not names; two where it matters",
        _proofs("test_policy_forbids.py", ("test_the_refusal_is_the_mapped_one_and_names_the_policy", "test_without_the_policy_the_decision_is_a_permit"))
        + _proofs("test_forgeries.py", "test_no_forged_vote_counts_over_the_service_or_http", "test_no_forged_grant_pays_for_anything")
        + _proofs("test_roles_by_endpoints.py", "test_nobody_reviews_what_their_own_organisation_asked", "test_one_officer_alone_lifts_nothing"),
    ),
    Attack(
        "S35", "Other people's things by their ids; fields that are not one's to set", "One check of ownership; unknown and somebody else's are one answer; closed bodies",
        _proofs("test_s35_enumeration.py", ("test_what_is_somebody_elses_was_never_there", "test_control_its_owner_has_it"), "test_lists_are_ones_own",
                "test_no_field_is_set_that_is_not_asked_for", "test_a_query_signed_by_another_is_not_run")
        + _proofs("test_roles_by_endpoints.py", ("test_no_role_is_allowed_what_the_table_does_not_allow", INSIDE))
        + _proofs("test_forgeries.py", "test_no_forged_submission_runs"),
    ),
    Attack(
        "S36", "Ambiguous framing, bodies and names; senders that never finish", "A strict reader for each, and limits on everything",
        _proofs("test_s36_smuggling.py", ("test_an_ambiguous_request_is_refused_and_nothing_behind_it_answered", "test_control_a_lax_server_takes_it"), "test_a_folded_header_is_a_value_and_no_header")
        + _proofs("test_s36_bodies.py", "test_an_ambiguous_body_is_refused", "test_a_name_that_looks_like_another_is_no_name", "test_a_name_in_an_address_has_one_spelling",
                  "test_a_body_that_never_ends_is_given_up", "test_nothing_of_what_was_refused_reached_the_log")
        + _proofs("test_http_connections.py", ("test_a_connection_without_a_new_request_ends", "test_a_connection_with_requests_stays")),
    ),
    Attack("S37", "Witnesses that lie or collude", "", open="There are no witnesses yet."),
    Attack(
        "S38", "An analyst's keys are stolen", "New keys take the word of the old; each release names the keys it is sealed to",
        _proofs("test_client_keys.py", ("test_rotation_is_signed_by_the_old_keys_which_still_open_the_old", ""), ("test_only_the_owner_reads_keys", "")),
        open="Who has both token and keys is that analyst, until an officer freezes them.",
    ),
    Attack("S39", "Root, or the hypervisor, reads memory", "", open="Not promised without trusted hardware; certificates say `assurance: software`."),
    Attack("S40", "One analyst burns what others were to have", "A grant is its holder's whole reach; `check` shows the cost first", _proofs("test_p16_averaging.py", "test_nobody_burns_the_budget_of_another")),
)  # fmt: skip

CATALOGUE = (*PRIVACY, *SYSTEM)
