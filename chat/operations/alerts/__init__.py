"""Alerts: rules are looked at (`readings`), judged (`judging`) and told (`notices`, `delivering`)
by a job (`watching`); `rules` changes them."""
