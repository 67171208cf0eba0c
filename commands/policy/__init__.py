"""The policy of changes: who may run what, where, when and how much, and what needs a second person.

`document` is the file as people write it, `windows` its hours and dates, `deciding` the answer to one question and why,
`strictness` how a change of the policy meets a plan that is being approved, `cases` the tests that are kept beside it.
"""
