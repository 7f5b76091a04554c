"""What of ours is in the file of the configuration (admin_models.configuration.sections).

limits      what may be used
"""
