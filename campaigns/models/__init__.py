from .campaign import Campaign, CampaignTest

__all__ = ["Campaign", "CampaignTest"]
