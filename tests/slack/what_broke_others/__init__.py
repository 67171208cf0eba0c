"""What broke other incident bots in Slack, each as a story here, by signed HTTP and by Socket Mode.

The numbers are those of the list that we keep of them. What two processes may do wrong is in `test_two_bots.py`.
"""
