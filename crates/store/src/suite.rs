//! What every adapter of the port has to pass, the fake included: one function for each fact, on an empty store.
//!
//! An adapter's tests call [`conformance!`](crate::conformance) with an async function that opens a new store and
//! returns it with whatever must live as long (a temporary directory).

#![allow(missing_docs, reason = "each fact is named after what it states")]

pub mod access;
pub mod credentials;
pub mod failed;
pub mod fixtures;
pub mod hosts;
pub mod leases;
pub mod machines;
pub mod methods;
pub mod notices;
pub mod queue;
pub mod sessions;
pub mod signaling;
pub mod views;

/// Makes one test of each fact. `$open` names an async function `() -> (Arc<dyn Store>, Guard)`.
#[macro_export]
macro_rules! conformance {
    ($open:ident) => {
        $crate::conformance! { $open;
            sessions {
                a_session_reads_back_as_it_was_stored,
                a_commit_under_a_stale_version_stores_nothing,
                of_two_commits_under_one_version_one_is_stored,
                whoever_meets_a_conflict_can_read_what_they_met,
                a_dropped_commit_is_stored_whole_or_not_at_all,
                a_session_is_created_once,
                an_idempotency_key_makes_one_session,
                of_two_requests_with_one_key_one_makes_a_session,
                live_sessions_have_not_ended_or_have_a_machine,
                live_sessions_are_read_in_pieces,
                sessions_of_an_owner_come_newest_first,
                events_come_in_order,
                a_gap_in_the_events_is_refused,
                an_ended_session_ends_no_other_way,
            }
            signaling {
                offer_and_intent_to_create_are_one_transaction,
                without_capacity_nothing_is_stored,
                an_offer_is_never_overwritten,
                an_answer_is_never_overwritten,
                an_answer_without_an_offer_is_refused,
                candidates_come_in_order_for_each_epoch_and_side,
                a_gap_in_the_candidates_is_refused,
            }
            views {
                a_view_reads_back_as_it_was_stored,
                views_leave_their_session_as_it_is,
                a_change_to_views_under_a_stale_version_stores_nothing,
                of_two_changes_to_views_under_one_version_one_is_stored,
                open_views_come_oldest_first_and_those_that_are_over_do_not,
                entries_come_in_order_for_each_session,
                a_gap_in_a_log_of_views_is_refused,
                a_view_takes_one_answer,
                a_view_goes_one_way,
                a_view_of_no_session_is_refused,
            }
            machines {
                a_machine_for_a_session_without_an_offer_is_refused,
                a_planned_machine_needs_a_placement,
                an_address_is_never_handed_out_twice,
                an_address_is_free_again_when_its_machine_is_gone_and_not_before,
                addresses_go_round,
                machines_are_bounded_for_all_and_for_each_owner,
                machines_that_are_gone_are_not_listed,
                machines_are_listed_in_pieces,
                a_token_dies_when_its_machine_is_wanted_gone,
                a_token_dies_with_its_machine,
                a_new_attempt_replaces_the_token,
                a_machine_that_is_heard_runs_from_then_on,
                a_pooled_machine_is_bound_by_an_offer_and_keeps_its_token_and_address,
                a_pooled_machine_is_bound_once,
                a_pooled_machine_that_is_retired_is_bound_no_more,
                a_bound_machine_is_not_retired_as_pooled,
                pooled_machines_count_for_all_and_for_no_owner,
                the_stock_is_what_waits_and_what_is_being_made,
                a_machine_that_is_gone_stays_gone,
                a_machine_is_kept_when_it_runs_and_as_many_as_may_be,
                an_unknown_machine_is_an_error,
            }
            methods {
                a_sign_in_without_a_desktop_has_its_machine_without_an_offer,
                pastes_come_in_order_and_end_with_their_session,
                a_paste_comes_with_its_sealed_text_and_without_a_gap,
                the_method_that_was_chosen_last_is_remembered_for_each_person_and_provider,
            }
            queue {
                those_who_wait_are_listed_in_the_order_in_which_they_came,
                the_queue_is_as_long_as_it_may_be,
                who_is_placed_or_has_ended_waits_no_more,
            }
            failed {
                a_log_is_kept_with_what_is_known_of_its_machine,
                a_log_is_kept_once_and_within_its_bound,
                the_oldest_logs_are_forgotten_beyond_their_number,
                a_log_that_is_forgotten_is_gone,
            }
            hosts {
                a_machine_is_found_by_its_address_until_it_is_gone,
                a_host_is_allowed_for_one_person_and_provider_until_it_is_taken_back,
                allowed_hosts_are_bounded,
            }
            credentials {
                a_credential_is_stored_with_the_end_of_its_session,
                a_credential_that_is_not_the_next_version_stores_nothing,
                of_two_next_versions_one_is_stored,
                the_newest_version_is_read_and_those_before_it_are_kept,
                an_earlier_version_comes_back_as_the_next_one_and_not_after_it_was_forgotten,
                trouble_is_of_the_newest_version_and_goes_with_it,
                a_rewrapped_version_replaces_itself_only,
                a_removed_credential_is_gone_in_all_versions_for_its_owner_only,
            }
            leases {
                a_run_has_its_machine_without_an_offer_and_reads_back,
                a_credential_has_one_holder_until_its_machine_is_gone,
                of_two_runs_one_gets_the_lease,
                the_holder_writes_the_next_version_back_and_nobody_else_does,
                a_credential_that_was_forgotten_does_not_come_back_by_its_run,
                nobody_goes_back_to_an_earlier_version_while_a_run_holds_the_credential,
                a_run_that_never_had_a_machine_gives_its_lease_back_with_its_end,
            }
            notices {
                health_is_told_when_it_changes_and_nothing_is_as_good_as_connected,
                a_notice_is_due_until_it_is_removed_and_not_before_its_time,
                the_oldest_notices_are_forgotten_beyond_their_number,
                what_was_told_of_a_credential_is_forgotten_with_it,
            }
            access {
                the_owner_is_made_once,
                only_the_owner_is_the_owner,
                a_link_works_once,
                of_many_uses_of_a_link_one_works,
                a_link_is_no_cookie_and_a_cookie_no_link,
                what_has_expired_opens_nothing,
                an_access_that_is_put_again_is_replaced,
                what_has_expired_is_forgotten_by_the_next_that_is_put,
                a_token_is_found_by_its_digest_until_it_expires_or_is_revoked_by_its_owner,
                a_person_has_so_many_tokens_and_sees_their_own_the_newest_first,
            }
        }
    };
    ($open:ident; $($topic:ident { $($fact:ident),+ $(,)? })+) => {$(
        mod $topic {$(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $fact() {
                let (store, _guard) = super::$open().await;
                $crate::suite::$topic::$fact(store).await;
            }
        )+}
    )+};
}
