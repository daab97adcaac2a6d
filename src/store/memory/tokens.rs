//! Families of refresh tokens, and revocations, in memory.

use super::store::{MemoryStore, Subject, Within, extend, ready, within};
use crate::{
    Verdict, clock,
    store::{
        CUT_OFF_RETENTION, FamilyQuery, RefreshRotation, RefreshTokenFamily, Revocation,
        RevocationPage, RevocationQuery, RevocationStatus, TokenStore,
    },
};
use std::{cmp::Reverse, collections::HashMap, time::SystemTime};

impl TokenStore for MemoryStore {
    fn begin_family(&self, family: &RefreshTokenFamily) -> Verdict<Option<u64>> {
        let mut tables = self.tables();
        let subject = within(&family.issuer, &family.subject);
        let ended = tables.subjects.get(&subject).and_then(|known| known.begun);
        let begun = family.begun_after(ended);
        let family = RefreshTokenFamily {
            begun,
            ..family.clone()
        };
        tables.families.insert(family.id.clone(), family);
        ready(ended)
    }

    fn family(&self, id: &str) -> Verdict<Option<RefreshTokenFamily>> {
        ready(self.tables().families.get(id).cloned())
    }

    fn families_of(&self, query: FamilyQuery<'_>) -> Verdict<Vec<RefreshTokenFamily>> {
        let tables = self.tables();
        let place = |family: &RefreshTokenFamily| (family.begun, family.id.clone());
        let after = query.after.map(|(begun, id)| (begun, id.to_owned()));
        let is_listed = |family: &&RefreshTokenFamily| {
            family.issuer == query.issuer
                && family.subject == query.subject
                && (query.with_ended || !family.ended)
                && clock::seconds(family.ends_at) > clock::seconds(query.now)
                && after.as_ref().is_none_or(|after| place(family) < *after)
        };
        let mut families: Vec<_> = tables.families.values().filter(is_listed).collect();
        families.sort_by_key(|family| Reverse(place(family)));
        ready(families.into_iter().take(query.limit).cloned().collect())
    }

    fn rotate(&self, rotation: RefreshRotation<'_>) -> Verdict<bool> {
        let mut tables = self.tables();
        let family = tables.families.get_mut(rotation.family);
        let family = family.filter(|family| !family.ended && family.current == *rotation.spent);
        ready(
            family
                .map(|family| {
                    family.current = *rotation.successor;
                    family.rotated_at = rotation.at;
                    family.expires_at = rotation.expires_at;
                })
                .is_some(),
        )
    }

    fn end_family(&self, issuer: &str, id: &str, until: SystemTime) -> Verdict<()> {
        self.tables().end_family(issuer, id, until);
        ready(())
    }

    fn end_families_of(
        &self,
        issuer: &str,
        subject: &str,
        cut_off: SystemTime,
        until: SystemTime,
    ) -> Verdict<u64> {
        let mut tables = self.tables();
        let last = tables.end_families(until, |family| {
            family.issuer == issuer && family.subject == subject
        });
        let begun = last.max(clock::millis(cut_off));
        let lasts = cut_off.checked_add(CUT_OFF_RETENTION).unwrap_or(until);
        let revoked = Subject {
            cut_off: Some(cut_off),
            begun: Some(begun),
            until: lasts.max(until),
        };
        tables.revoke_subject(within(issuer, subject), revoked);
        ready(begun)
    }

    fn revoke(&self, revocation: &Revocation) -> Verdict<()> {
        let mut tables = self.tables();
        match revocation {
            Revocation::Token { issuer, id, until } => {
                extend(&mut tables.tokens, within(issuer, id), *until);
            }
            Revocation::Session { issuer, id, until } => {
                tables.end_family(issuer, id, *until);
            }
            Revocation::Subject {
                issuer,
                subject,
                cut_off,
                until,
            } => {
                let new = Subject {
                    cut_off: Some(*cut_off),
                    begun: None,
                    until: *until,
                };
                tables.revoke_subject(within(issuer, subject), new);
            }
            Revocation::Sessions {
                issuer,
                subject,
                begun,
                until,
            } => {
                tables.end_families(*until, |family| {
                    family.issuer == *issuer && family.subject == *subject && family.begun <= *begun
                });
                let new = Subject {
                    cut_off: None,
                    begun: Some(*begun),
                    until: *until,
                };
                tables.revoke_subject(within(issuer, subject), new);
            }
        }
        ready(())
    }

    fn revoked(&self, names: RevocationQuery<'_>) -> Verdict<RevocationStatus> {
        let tables = self.tables();
        let is_in = |table: &HashMap<Within, SystemTime>, name: Option<&str>| {
            name.is_some_and(|name| table.contains_key(&within(names.issuer, name)))
        };
        let subject = tables.subjects.get(&within(names.issuer, names.subject));
        ready(RevocationStatus {
            token: is_in(&tables.tokens, names.token),
            session: is_in(&tables.sessions, names.session),
            cut_off: subject.and_then(|subject| subject.cut_off),
            begun: subject.and_then(|subject| subject.begun),
        })
    }

    /// Returns all revocations in one page, since they are in memory in any case.
    fn revocations(&self, now: SystemTime, _: Option<&[u8]>) -> Verdict<RevocationPage> {
        let tables = self.tables();
        let needed = |until: &SystemTime| *until > now;
        let tokens = tables.tokens.iter().filter(|(_, until)| needed(until));
        let tokens = tokens.map(|((issuer, id), until)| Revocation::Token {
            issuer: issuer.clone(),
            id: id.clone(),
            until: *until,
        });
        let sessions = tables.sessions.iter().filter(|(_, until)| needed(until));
        let sessions = sessions.map(|((issuer, id), until)| Revocation::Session {
            issuer: issuer.clone(),
            id: id.clone(),
            until: *until,
        });
        let subjects = tables.subjects.iter();
        let subjects = subjects.filter(|(_, subject)| needed(&subject.until));
        let subjects = subjects.flat_map(|((issuer, subject), known)| {
            Revocation::of_subject(issuer, subject, known.cut_off, known.begun, known.until)
        });
        ready(RevocationPage {
            revocations: tokens.chain(sessions).chain(subjects).collect(),
            next: None,
        })
    }

    fn purge_tokens(&self, now: SystemTime) -> Verdict<u64> {
        let mut tables = self.tables();
        let before = tables.token_rows();
        tables.families.retain(|_, family| family.ends_at > now);
        tables.tokens.retain(|_, until| *until > now);
        tables.sessions.retain(|_, until| *until > now);
        tables.subjects.retain(|_, subject| subject.until > now);
        ready(before.saturating_sub(tables.token_rows()) as u64)
    }
}
